// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Normalizations of constants, of weights above all: scaled weight standardization is exported as
/// a BatchNormalization in training form or as an InstanceNormalization.
extension ConstantFolding {
    static let normalizations: [String: Rule] = [
        "BatchNormalization": batchNormalization,
        "InstanceNormalization": one(instanceNormalization),
        "LayerNormalization": one(layerNormalization), "Softmax": one(softmax),
        "LogSoftmax": one(softmax),
    ]

    /// In training form mean and variance are the operand's own, and outputs 1 and 2 the running
    /// ones (opset 14).
    private static let batchNormalization: Rule = { (inputs: Operands) throws(ONNXError) in
        let call = inputs.call
        let tensor = try inputs[0]
        guard tensor.dims.count >= 2 else { throw call.malformed("its input has no channels.") }
        let isTraining = try call.flag("training_mode", default: false)
        guard isTraining || call.hasOnlyFirstOutput else {
            throw call.unsupported("gives its statistics; export the model in eval mode.")
        }
        let channels = tensor.dims[1]
        var statistics = [try inputs.reals(3), try inputs.reals(4)].map { $0.map { Double($0) } }
        let (scales, shifts) = (try inputs.reals(1), try inputs.reals(2))
        guard
            [scales.count, shifts.count, statistics[0].count, statistics[1].count].allSatisfy({
                $0 == channels
            })
        else { throw call.malformed("needs one number for each of \(channels) channels.") }
        var outputs: [ONNXTensor] = []
        if isTraining {
            let momentum = Double(try call.float("momentum") ?? 0.9)
            let own = Groups(tensor.dims, along: tensor.dims.indices.filter { $0 != 1 })
                .moments(of: try inputs.reals(0))
            let running = [own.map(\.mean), own.map(\.variance)]
            outputs = zip(statistics, running).map { old, new in
                let mixed = zip(old, new).map { Float($0 * momentum + $1 * (1 - momentum)) }
                return ONNXTensor(type: tensor.type, dims: [channels], elements: .reals(mixed))
            }
            statistics = running
        }
        let epsilon = Double(try call.float("epsilon") ?? 1e-5)
        let stride = tensor.dims[2...].reduce(1, *)
        var result = tensor
        result.elements = .reals(
            try inputs.reals(0).enumerated().map { index, value in
                let channel = index / stride % channels
                let deviation = (statistics[1][channel] + epsilon).squareRoot()
                return Float(
                    (Double(value) - statistics[0][channel]) / deviation * Double(scales[channel])
                        + Double(shifts[channel]))
            })
        return [result] + outputs
    }

    private static func instanceNormalization(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let tensor = try inputs[0]
        let (scales, shifts) = (try inputs.reals(1), try inputs.reals(2))
        guard tensor.dims.count > 2, scales.count == tensor.dims[1], shifts.count == scales.count
        else { throw call.malformed("its scale and bias do not fit \(tensor.dims).") }
        let stride = tensor.dims[2...].reduce(1, *)
        return try normalized(
            inputs, along: Array(tensor.dims.indices.dropFirst(2)),
            scale: { scales[$0 / stride % scales.count] },
            shift: { shifts[$0 / stride % shifts.count] })
    }

    private static func layerNormalization(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        guard call.hasOnlyFirstOutput else { throw call.unsupported("gives its statistics.") }
        let tensor = try inputs[0]
        let axis = try call.axis(call.integer("axis") ?? -1, rank: tensor.dims.count)
        let count = tensor.dims[axis...].reduce(1, *)
        let scales = try inputs.reals(1)
        let shifts =
            inputs.optional(2) == nil ? [Float](repeating: 0, count: count) : try inputs.reals(2)
        guard scales.count == count, shifts.count == count, count > 0 else {
            throw call.malformed("its scale and bias do not fit \(tensor.dims).")
        }
        return try normalized(
            inputs, along: Array(axis..<tensor.dims.count), scale: { scales[$0 % count] },
            shift: { shifts[$0 % count] })
    }

    /// To mean 0 and variance 1 over `axes`, then `scale` and `shift` of each element.
    private static func normalized(
        _ inputs: Operands, along axes: [Int], scale: (Int) -> Float, shift: (Int) -> Float
    ) throws(ONNXError) -> ONNXTensor {
        var result = try inputs[0]
        let values = try inputs.reals(0)
        let epsilon = Double(try inputs.call.float("epsilon") ?? 1e-5)
        var normalized = values
        let groups = Groups(result.dims, along: axes)
        for (members, moments) in zip(groups.map { $0 }, groups.moments(of: values)) {
            let deviation = (moments.variance + epsilon).squareRoot()
            for index in members {
                let centred = (Double(values[index]) - moments.mean) / deviation
                normalized[index] = Float(centred * Double(scale(index)) + Double(shift(index)))
            }
        }
        result.elements = .reals(normalized)
        return result
    }

    /// Along one axis (opset 13), or over all from `axis` on (before it).
    private static func softmax(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        var result = try inputs[0]
        let values = try inputs.reals(0).map { Double($0) }
        let isCoerced = call.opset < 13
        let rank = result.dims.count
        let axis = try call.axis(call.integer("axis") ?? (isCoerced ? 1 : -1), rank: rank)
        let groups = Groups(result.dims, along: isCoerced ? Array(axis..<rank) : [axis])
        var normalized = [Float](repeating: 0, count: values.count)
        for members in groups.map({ $0 }) {
            let top = members.map { values[$0] }.max() ?? 0
            let sum = members.reduce(0) { $0 + Transcendental.exp(values[$1] - top) }
            for index in members {
                let logarithm = values[index] - top
                normalized[index] = Float(
                    call.type == "Softmax"
                        ? Transcendental.exp(logarithm) / sum : logarithm - Transcendental.log(sum))
            }
        }
        result.elements = .reals(normalized)
        return result
    }
}

extension ConstantFolding.Groups {
    /// Mean and variance (over the number of members) of every group.
    fileprivate func moments(of values: [Float]) -> [(mean: Double, variance: Double)] {
        map { members in
            let count = Double(members.count)
            let mean = members.reduce(0) { $0 + Double(values[$1]) } / count
            let squares = members.reduce(0) { sum, index in
                let apart = Double(values[index]) - mean
                return sum + apart * apart
            }
            return (mean, squares / count)
        }
    }
}
