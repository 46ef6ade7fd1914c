// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import PrintableText

/// The network's inputs and outputs.
extension GraphTranslation {
    /// Descriptions of all inputs, of the same batch.
    static func inputs(
        _ inputs: [Onnx_ValueInfoProto], calls: [OperatorCall]
    ) throws(ONNXError) -> [Graph.Input] {
        var result: [Graph.Input] = []
        for info in inputs { result.append(try input(info, calls: calls)) }
        guard let first = result.first else {
            throw ONNXError(
                .unsupported, "its output depends on no input; an input of images is needed.")
        }
        for input in result where input.batch != first.batch {
            throw ONNXError(
                .unsupported, tensor: input.name,
                "the input has another batch size than '\(first.name)'.")
        }
        return result
    }

    private static func input(
        _ info: Onnx_ValueInfoProto, calls: [OperatorCall]
    ) throws(ONNXError) -> Graph.Input {
        func unsupported(_ detail: String) -> ONNXError {
            ONNXError(.unsupported, tensor: info.name, detail)
        }
        let type = info.type.tensorType
        let element = ElementType(rawValue: Int(type.elemType))
        guard element?.isReal == true else {
            throw unsupported("is not an input of real numbers; export the model with float input.")
        }
        let dims = type.shape.dim
        guard dims.count == 4 else {
            throw unsupported("the input has \(dims.count) axes; images have 4, one of them N.")
        }
        let extents = dims.map { $0.dimValue > 0 ? Int(clamping: $0.dimValue) : nil }
        guard let first = extents[1], let second = extents[2], let third = extents[3] else {
            throw unsupported(
                "only N may be open in the input; say its extents, for example --input-shape "
                    + "\(info.name.printable())=1x3x224x224 (input_shape in a "
                    + "configuration).")
        }
        let batch = extents[0] ?? 1
        let layout = try inputLayout(of: info.name, extents: [batch, first, second, third], calls)
        let shape =
            switch layout {
            case .nchw: TensorShape(height: second, width: third, channels: first)
            case .nhwc: TensorShape(height: first, width: second, channels: third)
            }
        guard [batch, first, second, third].allSatisfy({ $0 <= SizeLimits.extent }),
            ONNXTensor.count([first, second, third], limit: SizeLimits.elements) != nil
        else { throw unsupported("the input is too large.") }
        return Graph.Input(name: info.name, shape: shape, layout: layout, batch: extents[0])
    }

    /// Follows the input to the first operator that tells channels from pixels.
    private static func inputLayout(
        of input: String, extents: [Int], _ calls: [OperatorCall]
    ) throws(ONNXError) -> Graph.Layout {
        var orders = [input: [0, 1, 2, 3]]
        for call in calls {
            guard let order = call.node.input.lazy.compactMap({ orders[$0] }).first,
                let result = call.node.output.first
            else { continue }
            switch call.type {
            case "Transpose":
                let permutation = try ShapeRules.permutation(rank: 4, at: call)
                orders[result] = permutation.map { order[$0] }
            case "Add", "Cast", "Clip", "Div", "Dropout", "Identity", "Max", "Min", "Mul", "Pad",
                "Relu", "Sub":
                orders[result] = order
            case "AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "MaxPool":
                switch order {
                case [0, 1, 2, 3]: return .nchw
                case [0, 3, 1, 2]: return .nhwc
                default:
                    throw call.unsupported(
                        "takes the input's axes in the order \(order); only [N, C, H, W] and "
                            + "[N, H, W, C] inputs are supported.")
                }
            default: continue
            }
        }
        return extents[3] <= 4 && extents[1] > 4 ? .nhwc : .nchw
    }

    /// Makes functions of outputs nodes where a node computes with their results.
    mutating func computeEndings(readBy call: OperatorCall) throws(ONNXError) {
        guard !Self.rearranging.contains(call.type) else { return }
        for name in call.node.input {
            guard case .activation(let activation) = values[name], let ending = activation.ending
            else { continue }
            replace(name, by: try compute(ending, of: activation, for: call))
        }
    }

    /// Operators that may stand behind an output function.
    private static let rearranging: Set<String> = [
        "Cast", "Dropout", "Flatten", "Identity", "Reshape", "Shape", "Size", "Squeeze",
        "Transpose",
        "Unsqueeze",
    ]

    /// Rank, layout and function of each output; marks their values in the draft.
    mutating func outputs() throws(ONNXError) -> [Graph.Output] {
        var result: [Graph.Output] = []
        for info in document.model.graph.output {
            let output = try output(info.name)
            guard !result.contains(where: { $0.name == output.name }) else {
                throw ONNXError(.malformed, tensor: output.name, "is an output twice.")
            }
            draft.outputs.append(output.value)
            result.append(output)
        }
        return result
    }

    private mutating func output(_ name: String) throws(ONNXError) -> Graph.Output {
        guard case .activation(let activation) = values[name] else {
            throw ONNXError(
                .unsupported, tensor: name, "the output does not depend on the input.")
        }
        let view = activation.view
        var output = Graph.Output(
            name: name, value: activation.value, rank: view.dims.count,
            function: activation.ending?.function)
        if view.isNCHW { return output }
        if view.isNHWC {
            output.layout = .nhwc
            return output
        }
        if view.shape.layout == .features, view.isOrdered([.batch, .channel]),
            view.shape.pixels == 1
        {
            return output
        }
        guard let steps = view.toRows() else {
            throw ONNXError(
                .unsupported, tensor: name,
                "the output of extents \(view.dims) mixes images of a batch.")
        }
        guard view.dims.count <= SizeLimits.axes + 1 else {
            throw ONNXError(
                .unsupported, tensor: name,
                "the output has \(view.dims.count) axes; at most \(SizeLimits.axes + 1) are supported."
            )
        }
        output.value = append(steps, to: activation, name: activation.viewer ?? name).value
        output.extents = view.dims
        if view.hasBatchAxis { output.extents?[0] = 1 }
        return output
    }
}
