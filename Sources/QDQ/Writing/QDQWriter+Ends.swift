// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization

/// Inputs and outputs as the float model declares them.
extension QDQWriter {
    /// Changes of form between the output's value and the output tensor.
    enum OutputStep: Hashable {
        case unsqueeze, toNHWC, flatten, reshape, function(Graph.OutputFunction)
        /// The value is in the file under another output's name.
        case identity
    }

    mutating func writeInput(_ index: Int) {
        let input = network.graph.inputs[index]
        let shape = input.shape
        var source = input.name
        switch input.layout {
        case .nchw:
            graph.input.append(
                QDQProto.floatValue(
                    input.name, batch: input.batch,
                    axes: [shape.channels, shape.height, shape.width]))
        case .nhwc:
            graph.input.append(
                QDQProto.floatValue(
                    input.name, batch: input.batch,
                    axes: [shape.height, shape.width, shape.channels]))
            source = names.tensors.claim(input.name + "_nchw")
            append(
                "Transpose", named: input.name + "_transpose", [input.name], source,
                [QDQProto.attribute("perm", TransposeOrder.toNCHW)])
        }
        appendValue(index, from: source, form: .nchw)
    }

    /// The output whose tensor is a value's float tensor as it is.
    func outputName(of value: ValueID, form: Form) -> String? {
        network.graph.outputs.first {
            $0.value == value && outputSteps($0, from: form).isEmpty
        }?.name
    }

    private func outputSteps(_ output: Graph.Output, from form: Form) -> [OutputStep] {
        let shape = network.graph.shape(of: output.value)
        var steps: [OutputStep] = []
        if let extents = output.extents {
            if extents != [1] + shape.axes { steps.append(.reshape) }
        } else if output.rank == 4 {
            if form == .flat { steps.append(.unsqueeze) }
            if output.layout == .nhwc { steps.append(.toNHWC) }
        } else if form == .nchw {
            steps.append(.flatten)
        }
        if let function = output.function { steps.append(.function(function)) }
        return steps
    }

    mutating func writeOutput(_ output: Graph.Output) {
        let shape = network.graph.shape(of: output.value)
        var steps = outputSteps(output, from: values[output.value].form)
        var source = values[output.value].float
        if steps.isEmpty, source != output.name { steps = [.identity] }
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            let target = isLast ? output.name : names.tensors.claim(output.name + "_unformed")
            append(step, of: output, from: source, to: target)
            source = target
        }
        let axes: [Int] =
            switch (output.rank, output.layout) {
            case _ where output.extents != nil: Array(output.extents?.dropFirst() ?? [])
            case (2, _): [shape.count]
            case (_, .nchw): [shape.channels, shape.height, shape.width]
            case (_, .nhwc): [shape.height, shape.width, shape.channels]
            }
        // Without a batch axis of its own, images of a batch follow each other along the first.
        let first = output.extents?.first ?? 1
        graph.output.append(
            QDQProto.floatValue(
                output.name, batch: network.graph.inputs[0].batch.map { $0 * first },
                dynamic: first == 1 ? "batch" : "batch_times_\(first)", axes: axes))
    }

    private mutating func append(
        _ step: OutputStep, of output: Graph.Output, from source: String, to result: String
    ) {
        let name = output.name
        switch step {
        case .identity: append("Identity", named: name + "_identity", [source], result)
        case .unsqueeze:
            append("Unsqueeze", named: name + "_unsqueeze", [source, pixelAxes()], result)
        case .toNHWC:
            append(
                "Transpose", named: name + "_transpose", [source], result,
                [QDQProto.attribute("perm", TransposeOrder.toNHWC)])
        case .reshape:
            // 0 keeps the batch, -1 has it in front of the first axis.
            let extents = output.extents ?? []
            let shape = names.tensors.claim(name + "_extents")
            let target = [extents.first == 1 ? 0 : -1] + extents.dropFirst()
            graph.initializer.append(
                QDQProto.tensor(shape, target.map(Int64.init), axes: [target.count]))
            append("Reshape", named: name + "_reshape", [source, shape], result)
        case .flatten:
            append(
                "Flatten", named: name + "_flatten", [source], result,
                [QDQProto.attribute("axis", 1)])
        case .function(let function):
            append(
                function.rawValue, named: name + "_" + function.rawValue.lowercased(), [source],
                result,
                [QDQProto.attribute("axis", output.channelAxis)])
        }
    }
}

/// What stands around the nodes.
extension QDQProto {
    static func entry(_ key: String, _ value: String) -> Onnx_StringStringEntryProto {
        var entry = Onnx_StringStringEntryProto()
        entry.key = key
        entry.value = value
        return entry
    }

    /// Dense float tensor; a nil batch is the symbolic dimension called `dynamic`.
    static func floatValue(
        _ name: String, batch: Int?, dynamic: String = "batch", axes: [Int]
    ) -> Onnx_ValueInfoProto {
        var first = Onnx_TensorShapeProto.Dimension()
        if let batch { first.dimValue = Int64(batch) } else { first.dimParam = dynamic }
        var info = Onnx_ValueInfoProto()
        info.name = name
        info.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
        info.type.tensorType.shape.dim =
            [first]
            + axes.map { extent in
                var dimension = Onnx_TensorShapeProto.Dimension()
                dimension.dimValue = Int64(extent)
                return dimension
            }
        return info
    }
}
