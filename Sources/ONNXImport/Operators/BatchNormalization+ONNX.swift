// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// BatchNormalization (opset 7 to 15) in inference form: scale and shift of each channel.
extension ONNXOperator {
    static let batchNormalization = ONNXOperator(
        ["BatchNormalization"],
        translate: { call, network throws(ONNXError) in try network.batchNormalization(call) },
        read: { _, _ in
            throw QDQError(
                .notFolded,
                "BatchNormalization is left as a node of its own, which runs in float")
        })
}

extension GraphTranslation {
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
        var activation = try activation(0, of: call)
        guard activation.dims.count > 1 else { throw call.malformed("its input has no axis 1.") }
        let channels = activation.dims[1]
        if activation.view.positions(along: 1) == nil, let steps = activation.view.toNCHW() {
            activation = try apply(steps, to: activation, at: call)
        }
        if activation.shape.layout != .features {
            activation = try pixels(of: activation, at: call)
        }
        guard let positions = activation.view.positions(along: 1) else {
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
            .affine(
                scale: positions.map { scale[$0] }, shift: positions.map { shift[$0] },
                hasShift: true), [activation.value],
            like: activation, at: call)
    }
}
