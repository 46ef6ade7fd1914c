// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Elementwise operators.
extension GraphTranslation {
    /// Add and Mul of two feature maps; Add, Sub, Mul, Div by a constant per channel.
    mutating func arithmetic(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...2)
        switch (try operand(0, of: call), try operand(1, of: call)) {
        case (.activation(let left), .activation(let right)):
            if call.type == "Mul" { return try multiply(left, right, at: call) }
            guard call.type == "Add" else {
                throw call.unsupported("combines two feature maps; only Add and Mul can.")
            }
            guard left.dims == right.dims, left.axes == right.axes else {
                throw call.unsupported(
                    "adds \(left.dims) and \(right.dims) of different extents or axes.")
            }
            return append(.add, [left.value, right.value], like: left, at: call)
        case (.activation(let activation), .constant):
            let constant = try channelConstant(1, of: call, against: activation)
            return try affine(activation, constant, constantFirst: false, at: call)
        case (.constant, .activation(let activation)):
            let constant = try channelConstant(0, of: call, against: activation)
            return try affine(activation, constant, constantFirst: true, at: call)
        default: throw call.malformed("has no feature map.")
        }
    }

    private mutating func affine(
        _ activation: Activation, _ constant: [Double], constantFirst: Bool, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        let ones = [Double](repeating: 1, count: constant.count)
        let zeros = [Double](repeating: 0, count: constant.count)
        let kind: DraftNode.Kind
        switch (call.type, constantFirst) {
        case ("Add", _): kind = .affine(scale: ones, shift: constant, hasShift: true)
        case ("Sub", false): kind = .affine(scale: ones, shift: constant.map(-), hasShift: true)
        case ("Sub", true): kind = .affine(scale: ones.map(-), shift: constant, hasShift: true)
        case ("Mul", _): kind = .affine(scale: constant, shift: zeros, hasShift: false)
        case ("Div", false):
            guard !constant.contains(0) else { throw call.unsupported("divides by 0.") }
            kind = .affine(scale: constant.map { 1 / $0 }, shift: zeros, hasShift: false)
        default: throw call.unsupported("divides by a feature map.")
        }
        return append(kind, [activation.value], like: activation, at: call)
    }

    /// Operand `index` as one number per channel of `activation`, against which it is broadcast.
    private mutating func channelConstant(
        _ index: Int, of call: OperatorCall, against activation: Activation
    ) throws(ONNXError) -> [Double] {
        guard let tensor = try parameters(index, of: call), let values = tensor.reals else {
            throw call.malformed("input \(index) is missing.")
        }
        let channels = activation.shape.channels
        let added = activation.dims.count - tensor.dims.count
        let varying = tensor.dims.indices.filter { tensor.dims[$0] != 1 }
        let fits =
            added >= 0
            && varying.allSatisfy {
                tensor.dims[$0] == activation.dims[$0 + added]
            }
        if fits, let first = values.first {
            if values.allSatisfy({ $0 == first }) {
                return [Double](repeating: Double(first), count: channels)
            }
            if varying.count == 1, activation.axes[varying[0] + added] == [.channel] {
                return values.map { Double($0) }
            }
        }
        throw call.error(
            .unsupported, tensor: call.input(index),
            "has extents \(tensor.dims) against \(activation.dims); only one number per channel, "
                + "or one for all, can be folded.")
    }

    /// BatchNormalization in inference form.
    mutating func batchNormalization(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 5...5, attributes: ["epsilon", "momentum", "spatial", "training_mode"])
        // Before operator set 14, giving the statistics as well is what training form looks like.
        guard try !call.flag("training_mode", default: false), call.hasOnlyFirstOutput,
            try call.flag("spatial", default: true)
        else {
            throw call.unsupported(
                "is in training form; export the model for inference (PyTorch: model.eval() and "
                    + "training=TrainingMode.EVAL).")
        }
        let activation = try activation(0, of: call)
        let axis = activation.dims.count > 1 ? activation.axes[1] : []
        let channels = activation.shape.channels
        guard axis == (channels == 1 ? [] : [.channel]) else {
            throw call.unsupported("its axis 1 is not the channels.")
        }
        var values: [[Double]] = []
        for index in 1...4 {
            guard let tensor = try parameters(index, of: call), let reals = tensor.reals,
                tensor.dims == [channels]
            else {
                throw call.error(
                    .malformed, tensor: call.input(index),
                    "must have one number for each of \(channels) channels.")
            }
            values.append(reals.map { Double($0) })
        }
        let epsilon = Double(try call.float("epsilon") ?? 1e-5)
        let scale = (0..<channels).map { values[0][$0] / (values[3][$0] + epsilon).squareRoot() }
        let shift = (0..<channels).map { values[1][$0] - values[2][$0] * scale[$0] }
        guard scale.allSatisfy(\.isFinite), shift.allSatisfy(\.isFinite) else {
            throw call.error(
                .invalidTensor, tensor: call.input(4), "has a variance that is not positive.")
        }
        return append(
            .affine(scale: scale, shift: shift, hasShift: true), [activation.value],
            like: activation, at: call)
    }

    /// Relu and Clip (bounds as attributes up to opset 10, as inputs later).
    mutating func clamp(_ call: OperatorCall) throws(ONNXError) -> Value {
        var clamp = Clamp(lower: 0)
        if call.type == "Clip" {
            try call.expect(inputs: 1...3, attributes: ["min", "max"])
            let lower = try bound("min", orInput: 1, of: call)
            let upper = try bound("max", orInput: 2, of: call)
            clamp = try Self.clamp(lower: lower, upper: upper, at: call)
        } else {
            try call.expect(inputs: 1...1)
        }
        let activation = try activation(0, of: call)
        return append(.clamp, [activation.value], clamp: clamp, like: activation, at: call)
    }

    /// Min and Max of a feature map and one number.
    mutating func extremum(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...2)
        let first: Bool
        if case .constant = try operand(0, of: call) { first = true } else { first = false }
        let activation = try activation(first ? 1 : 0, of: call)
        let bound = try scalar(first ? 0 : 1, of: call)
        let clamp = try Self.clamp(
            lower: call.type == "Max" ? bound : nil, upper: call.type == "Min" ? bound : nil,
            at: call)
        return append(.clamp, [activation.value], clamp: clamp, like: activation, at: call)
    }

    private mutating func bound(
        _ attribute: String, orInput index: Int, of call: OperatorCall
    ) throws(ONNXError) -> Float? {
        if let value = try call.float(attribute) { return value }
        return try scalar(index, of: call)
    }

    private mutating func scalar(_ index: Int, of call: OperatorCall) throws(ONNXError) -> Float? {
        guard let tensor = try constant(index, of: call) else { return nil }
        guard let values = tensor.reals, values.count == 1 else {
            throw call.error(.unsupported, tensor: call.input(index), "must be one real number.")
        }
        return values[0]
    }

    private static func clamp(
        lower: Float?, upper: Float?, at call: OperatorCall
    ) throws(ONNXError) -> Clamp {
        let low = lower ?? -.infinity
        let high = upper ?? .infinity
        guard !low.isNaN, !high.isNaN, low < .infinity, high > -.infinity else {
            throw call.malformed("has an undefined or infinite bound.")
        }
        return Clamp(
            lower: low <= -.greatestFiniteMagnitude ? nil : low,
            upper: high >= .greatestFiniteMagnitude ? nil : high)
    }
}
