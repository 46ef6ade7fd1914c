// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel

/// Nodes that the file does not show, and what it shows of inputs.
extension QDQReader {
    func apply(
        _ steps: [TensorView.Step], to operand: QDQOperand, for node: Onnx_NodeProto
    ) throws -> QDQOperand {
        var result = operand
        for step in steps {
            let movement = Movement(value: result.id, operation: step.operation)
            if movements[movement] == nil {
                let own = node.nameOrOutput + "_operand"
                var name = result.view.viewer?.name ?? own
                var suffix = 1
                while nodeNames.contains(name) {
                    suffix += 1
                    name = "\(result.view.viewer?.name ?? own)#\(suffix)"
                }
                movements[movement] = try append(
                    Node(
                        name: name, operation: step.operation, inputs: [result.id],
                        shape: step.view.shape),
                    activation: activations[result.id])
                // Behind its operand, which others may have needed later than where it is seen.
                let source = result.id < inputs.count ? 0 : positions[result.id - inputs.count]
                positions.append(max(result.view.viewer?.position ?? position, source))
            }
            result = (movements[movement] ?? result.id, QDQView(tensor: step.view))
        }
        return result
    }

    /// An NHWC input that is quantized before it is transposed.
    func transposeQuantizedInput(_ name: String) {
        let value: ValueID
        switch meanings[name] {
        case .quantized(let read, let view), .float(let read, let view):
            guard view.tensor.isNCHW else { return }
            value = read
        default: return
        }
        guard value < inputs.count, inputs[value].layout == .nchw,
            !results.contains(where: { $0.node.inputs.contains(value) })
        else { return }
        inputIsNHWC(value)
        // What was read of it so far has these axes; its 8-bit tensor is none that could be
        // compared.
        tensors[value] = nil
        let view = QDQView(
            tensor: TensorView(shape(of: value), batch: batch, order: TensorView.nhwc))
        for (name, meaning) in meanings {
            switch meaning {
            case .quantized(value, _): meanings[name] = .quantized(value, view)
            case .float(value, _): meanings[name] = .float(value, view)
            default: break
            }
        }
    }
}
