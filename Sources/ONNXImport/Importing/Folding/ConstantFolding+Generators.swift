// SPDX-License-Identifier: Apache-2.0

import ONNXModel

/// Constants made from extents and numbers.
extension ConstantFolding {
    static let generators: [String: Rule] = [
        "ConstantOfShape": one(constantOfShape), "EyeLike": one(identityMatrix),
        "NonZero": one(nonZero), "Range": one(range),
    ]

    private static func constantOfShape(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let dims = try inputs.integers(0)
        let call = inputs.call
        let count = try computable(dims, from: 0, at: call)
        guard let proto = try call.tensor("value") else {
            return ONNXTensor(
                type: .float, dims: dims, elements: .reals([Float](repeating: 0, count: count)))
        }
        guard proto.dataLocation != .external else {
            throw call.unsupported("takes its value from another file.")
        }
        let value = try ONNXTensor(proto, external: nil)
        guard value.count == 1 else { throw call.malformed("its value must have one element.") }
        return value.taking([Int](repeating: 0, count: count), dims: dims)
    }

    private static func identityMatrix(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let like = try inputs[0]
        guard like.dims.count == 2 else { throw call.malformed("its input is no matrix.") }
        let diagonal = try call.integer("k") ?? 0
        let type = try call.integer("dtype").flatMap { ElementType(rawValue: $0) } ?? like.type
        let one = ONNXTensor(
            type: type, dims: [1], elements: type.isReal ? .reals([1]) : .integers([1]))
        let columns = max(like.dims[1], 1)
        let indices = (0..<like.count).map { $0 % columns - $0 / columns == diagonal ? 0 : -1 }
        return one.taking(indices, dims: like.dims)
    }

    /// `[rank, found]`, positions in row-major order.
    private static func nonZero(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let tensor = try inputs[0]
        let found: [Int] =
            switch tensor.elements {
            case .reals(let values): values.indices.filter { values[$0] != 0 }
            case .integers(let values): values.indices.filter { values[$0] != 0 }
            }
        let positions = zip(tensor.dims, strides(tensor.dims)).flatMap { extent, stride in
            found.map { Int64($0 / stride % extent) }
        }
        return ONNXTensor(
            type: .int64, dims: [tensor.dims.count, found.count], elements: .integers(positions))
    }

    /// From operand 0 up to, without, operand 1 in steps of operand 2.
    private static func range(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let first = try inputs[0]
        guard try inputs[1].type == first.type, try inputs[2].type == first.type,
            first.count == 1, try inputs[1].count == 1, try inputs[2].count == 1
        else { throw call.malformed("needs three numbers of one type.") }
        func checked(_ count: Double) throws(ONNXError) -> Int {
            guard count <= Double(ImportLimits.computed) else {
                throw call.unsupported("would compute \(count) elements.")
            }
            return count > 0 ? Int(count) : 0
        }
        switch (first.elements, try inputs[1].elements, try inputs[2].elements) {
        case (.integers(let start), .integers(let end), .integers(let step)) where step[0] != 0:
            let count = try checked(
                ((Double(end[0]) - Double(start[0])) / Double(step[0])).rounded(.up))
            let values = (0..<count).map { start[0] &+ Int64($0) &* step[0] }
            return ONNXTensor(type: first.type, dims: [count], elements: .integers(values))
        case (.reals(let start), .reals(let end), .reals(let step))
        where step[0] != 0 && start[0].isFinite && end[0].isFinite && step[0].isFinite:
            let count = try checked(
                ((Double(end[0]) - Double(start[0])) / Double(step[0])).rounded(.up))
            let values = (0..<count).map { start[0] + Float($0) * step[0] }
            return ONNXTensor(type: first.type, dims: [count], elements: .reals(values))
        default: throw call.malformed("has a step of 0, or one that is not finite.")
        }
    }
}
