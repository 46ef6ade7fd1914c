// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import ONNXModel
package import Quantization

/// What operators need of the writer of a quantized file.
package protocol QDQWriting {
    /// The network to write, checked.
    var network: QuantizedNetwork { get }
    /// Names that the file has so far.
    var names: QDQNames { get set }
    /// The graph written so far.
    var graph: Onnx_GraphProto { get set }
    /// Where the bias of each convolution lies.
    var biases: [BiasTensor] { get set }

    /// Float tensor of a value as it lies in the file.
    func float(of value: ValueID) -> String

    /// How that tensor shows the value, for one image.
    func view(of value: ValueID) -> TensorView

    /// Float tensor of a value as a feature map.
    mutating func featureMap(_ value: ValueID) -> String

    /// Appends an operator that changes the shape of a value's float tensor, the first of `inputs`,
    /// between two equal quantizations; `stem` is what it is called.
    /// - Returns: the float tensor behind it.
    mutating func reshaped(
        _ value: ValueID, stem: String, _ type: String, _ inputs: [String],
        _ attributes: [Onnx_AttributeProto]
    ) -> String
}

extension QDQWriting {
    /// Float tensors of all operands, in the form that the call has.
    mutating func operands(_ call: WriteCall) -> [String] {
        var operands: [String] = []
        for operand in call.node.inputs {
            operands.append(call.isFlat ? float(of: operand) : featureMap(operand))
        }
        return operands
    }

    /// Appends a node with an unused name like `wanted`.
    package mutating func append(
        _ type: String, named wanted: String, _ inputs: [String], _ output: String,
        _ attributes: [Onnx_AttributeProto] = []
    ) {
        append(type, name: names.nodes.claim(wanted), inputs, output, attributes)
    }

    /// Appends the node that carries a name of the network, `name`.
    package mutating func append(
        _ type: String, name: String, _ inputs: [String], _ output: String,
        _ attributes: [Onnx_AttributeProto] = []
    ) {
        var node = Onnx_NodeProto()
        node.input = inputs
        node.output = [output]
        node.name = name
        node.opType = type
        node.attribute = attributes
        graph.node.append(node)
    }
}
