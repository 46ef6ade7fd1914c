// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Input and output as the float model declares them.
extension QDQWriter {
    /// Changes of form between the output's value and the output tensor.
    enum OutputStep: Hashable { case unsqueeze, toNHWC, flatten, function(Graph.OutputFunction) }

    static let toNCHW = [0, 3, 1, 2]
    static let toNHWC = [0, 2, 3, 1]

    mutating func writeInput() {
        let input = network.graph.input
        let shape = input.shape
        var source = input.name
        switch input.layout {
        case .nchw:
            graph.input = [
                QDQProto.floatValue(
                    input.name, batch: input.batch,
                    axes: [shape.channels, shape.height, shape.width])
            ]
        case .nhwc:
            graph.input = [
                QDQProto.floatValue(
                    input.name, batch: input.batch,
                    axes: [shape.height, shape.width, shape.channels])
            ]
            source = names.tensors.claim(input.name + "_nchw")
            append(
                "Transpose", named: input.name + "_transpose", [input.name], source,
                [QDQProto.attribute("perm", Self.toNCHW)])
        }
        appendValue(0, from: source, form: .nchw)
    }

    func outputSteps(from form: Form) -> [OutputStep] {
        let output = network.graph.output
        let pixels = network.graph.shape(of: output.value).pixels
        var steps: [OutputStep] = []
        if output.rank == 4 {
            if form == .flat { steps.append(.unsqueeze) }
            if output.layout == .nhwc { steps.append(.toNHWC) }
        } else if form == .nchw {
            if output.layout == .nhwc, pixels > 1 { steps.append(.toNHWC) }
            steps.append(.flatten)
        }
        if let function = output.function { steps.append(.function(function)) }
        return steps
    }

    mutating func writeOutput() {
        let output = network.graph.output
        let shape = network.graph.shape(of: output.value)
        let steps = outputSteps(from: values[output.value].form)
        var source = values[output.value].float
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            let target = isLast ? output.name : names.tensors.claim(output.name + "_unformed")
            append(step, of: output, from: source, to: target)
            source = target
        }
        if output.rank == 2, output.layout == .nhwc, shape.pixels == 1 {
            annotations.append(
                QDQProto.entry(QDQAnnotation.outputKey, QDQAnnotation.outputIsNHWC))
        }
        let axes: [Int] =
            switch (output.rank, output.layout) {
            case (2, _): [shape.count]
            case (_, .nchw): [shape.channels, shape.height, shape.width]
            case (_, .nhwc): [shape.height, shape.width, shape.channels]
            }
        graph.output = [
            QDQProto.floatValue(output.name, batch: network.graph.input.batch, axes: axes)
        ]
    }

    private mutating func append(
        _ step: OutputStep, of output: Graph.Output, from source: String, to target: String
    ) {
        let name = output.name
        switch step {
        case .unsqueeze:
            append("Unsqueeze", named: name + "_unsqueeze", [source, pixelAxes()], target)
        case .toNHWC:
            append(
                "Transpose", named: name + "_transpose", [source], target,
                [QDQProto.attribute("perm", Self.toNHWC)])
        case .flatten:
            append(
                "Flatten", named: name + "_flatten", [source], target,
                [QDQProto.attribute("axis", 1)])
        case .function(let function):
            append(
                function.rawValue, named: name + "_" + function.rawValue.lowercased(), [source],
                target,
                [QDQProto.attribute("axis", output.channelAxis)])
        }
    }
}
