// SPDX-License-Identifier: Apache-2.0

import ONNXModel

/// Matrix products of constants.
extension ConstantFolding {
    static let products: [String: Rule] = ["MatMul": one(matMul), "Gemm": one(gemm)]

    /// Multiplications of one product.
    private static let largestProduct = 1 << 30

    /// Two operands of at least one axis each, as NumPy's `matmul`.
    private static func matMul(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        var (left, right) = (try inputs[0], try inputs[1])
        guard !left.dims.isEmpty, !right.dims.isEmpty else { throw call.malformed("has no axes.") }
        let (isRow, isColumn) = (left.dims.count == 1, right.dims.count == 1)
        if isRow { left.dims.insert(1, at: 0) }
        if isColumn { right.dims.append(1) }
        let batch = try ShapeRules.broadcast(
            Array(left.dims.dropLast(2)), Array(right.dims.dropLast(2)), at: call)
        left = try expand(left, to: batch + left.dims.suffix(2), at: call)
        right = try expand(right, to: batch + right.dims.suffix(2), at: call)
        var result = try product(left, right, at: call)
        if isColumn { result.dims.removeLast() }
        if isRow { result.dims.remove(at: result.dims.count - (isColumn ? 1 : 2)) }
        return result
    }

    /// `alpha * A * B + beta * C`.
    private static func gemm(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        func matrix(_ index: Int, _ attribute: String) throws(ONNXError) -> ONNXTensor {
            let matrix = try inputs[index]
            guard matrix.dims.count == 2 else {
                throw call.malformed("input \(index) is no matrix.")
            }
            guard try call.flag(attribute, default: false) else { return matrix }
            return try transpose(matrix, [1, 0], at: call)
        }
        var result = try product(matrix(0, "transA"), matrix(1, "transB"), at: call)
        let alpha = try call.float("alpha") ?? 1
        let beta = try call.float("beta") ?? 1
        var values = (result.reals ?? []).map { alpha * $0 }
        if inputs.optional(2) != nil {
            let bias = try expand(inputs[2], to: result.dims, at: call)
            guard let bias = bias.reals, bias.count == values.count else {
                throw call.malformed("its bias does not fit \(result.dims).")
            }
            values = zip(values, bias).map { $0 + beta * $1 }
        }
        result.elements = .reals(values)
        return result
    }

    /// Matrices of equal batches, sums in Double.
    private static func product(
        _ left: ONNXTensor, _ right: ONNXTensor, at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        let rank = left.dims.count
        let (rows, inner, columns) = (
            left.dims[rank - 2], left.dims[rank - 1], right.dims[rank - 1]
        )
        guard right.dims[rank - 2] == inner, let first = left.reals, let second = right.reals else {
            throw call.malformed("cannot multiply \(left.dims) by \(right.dims).")
        }
        let dims = Array(left.dims.dropLast()) + [columns]
        let count = try computable(dims, from: max(left.count, right.count), at: call)
        guard count.multipliedReportingOverflow(by: max(inner, 1)).partialValue <= largestProduct,
            !count.multipliedReportingOverflow(by: max(inner, 1)).overflow
        else { throw call.unsupported("multiplies constants of \(left.dims) and \(right.dims).") }
        var values: [Float] = []
        values.reserveCapacity(count)
        for batch in 0..<(rows * columns == 0 ? 0 : count / (rows * columns)) {
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = 0.0
                    for index in 0..<inner {
                        sum +=
                            Double(first[(batch * rows + row) * inner + index])
                            * Double(second[(batch * inner + index) * columns + column])
                    }
                    values.append(Float(sum))
                }
            }
        }
        return ONNXTensor(type: left.type, dims: dims, elements: .reals(values))
    }
}
