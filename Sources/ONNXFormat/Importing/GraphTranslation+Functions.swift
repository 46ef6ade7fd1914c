// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Products of feature maps, activation functions and local response normalization.
extension GraphTranslation {
    /// Mul of two feature maps of equal extents, or of one by 1×1×C of the other.
    mutating func multiply(
        _ left: Activation, _ right: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        if left.dims == right.dims, left.axes == right.axes {
            return append(.multiply, [left.value, right.value], like: left, at: call)
        }
        for (whole, pixel) in [(left, right), (right, left)] where whole.isScaled(by: pixel) {
            return append(.multiply, [whole.value, pixel.value], like: whole, at: call)
        }
        throw call.unsupported(
            "multiplies \(left.dims) and \(right.dims); only equal extents, or one number per "
                + "channel and image on one side, can be multiplied.")
    }

    /// HardSigmoid (opset 6) and HardSwish (opset 14).
    mutating func activationFunction(_ call: OperatorCall) throws(ONNXError) -> Value {
        var function = ActivationFunction.hardSwish
        if call.type == "HardSigmoid" {
            try call.expect(inputs: 1...1, attributes: ["alpha", "beta", "consumed_inputs"])
            function = .hardSigmoid(
                alpha: try call.float("alpha") ?? 0.2, beta: try call.float("beta") ?? 0.5)
        } else {
            try call.expect(inputs: 1...1)
        }
        guard function.isValid else { throw call.malformed("alpha or beta is not finite.") }
        let activation = try activation(0, of: call)
        return append(.activation(function), [activation.value], like: activation, at: call)
    }

    /// LRN: across channels.
    mutating func localResponseNormalization(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["alpha", "beta", "bias", "size"])
        guard let size = try call.integer("size") else { throw call.malformed("has no size.") }
        let lrn = LocalResponseNormalization(
            size: size, alpha: try call.float("alpha") ?? 0.0001,
            beta: try call.float("beta") ?? 0.75, bias: try call.float("bias") ?? 1)
        guard lrn.isValid else {
            throw call.unsupported(
                "has size \(lrn.size), alpha \(lrn.alpha), beta \(lrn.beta) and bias \(lrn.bias); "
                    + "size must be odd and at most \(LocalResponseNormalization.largestSize), alpha not "
                    + "negative, beta within ±\(LocalResponseNormalization.largestExponent), bias "
                    + "positive.")
        }
        let input = try imageOperand(of: call)
        return append(
            .localResponseNormalization(lrn), [input.value], like: input, at: call)
    }
}

extension Activation {
    /// Whether `pixel` holds one number per channel (and image) that broadcasting repeats over
    /// height and width.
    fileprivate func isScaled(by pixel: Activation) -> Bool {
        guard dims.count == pixel.dims.count, pixel.shape.pixels == 1,
            pixel.shape.channels == shape.channels
        else { return false }
        return dims.indices.allSatisfy { index in
            axes[index] == pixel.axes[index]
                || pixel.dims[index] == 1 && (axes[index] == [.height] || axes[index] == [.width])
        }
    }
}
