// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Identity, Dropout in inference form and Cast between real types, which leave numbers as they
/// are; Shape and Size of activations, which are constants.
extension ONNXOperator {
    static let identity = ONNXOperator(
        ["Identity"],
        translate: { call, network throws(ONNXError) in try network.passThrough(call) },
        read: { node, reader in try reader.readClamp(node) })

    static let dropout = ONNXOperator(
        ["Dropout"],
        translate: { call, network throws(ONNXError) in try network.passThrough(call) })

    static let cast = ONNXOperator(
        ["Cast"],
        translate: { call, network throws(ONNXError) in try network.passThrough(call) })

    static let shape = ONNXOperator(
        ["Shape", "Size"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 1...1, attributes: ["start", "end"])
            return .constant(
                try ConstantFolding.shape(of: network.activation(0, of: call).dims, at: call))
        })
}

extension GraphTranslation {
    mutating func passThrough(_ call: OperatorCall) throws(ONNXError) -> Value {
        switch call.type {
        case "Dropout":
            try call.expect(inputs: 1...3, attributes: ["ratio", "seed"])
            if let training = try constant(2, of: call), training.integers != [0] {
                throw call.unsupported(
                    "is in training mode; export the model for inference (PyTorch: model.eval()).")
            }
        case "Cast":
            try call.expect(inputs: 1...1, attributes: ["to", "saturate", "round_mode"])
            let type = try call.integer("to").flatMap { ElementType(rawValue: $0) }
            guard type?.isReal == true else {
                throw call.unsupported("casts activations to a type that is not real.")
            }
        default: try call.expect(inputs: 1...1)
        }
        return .activation(try activation(0, of: call))
    }
}
