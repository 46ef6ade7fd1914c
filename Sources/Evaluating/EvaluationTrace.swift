// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import NetworkGraph
import Quantization
import Storage

/// Input, every 8-bit activation and both logits of some images, for comparison with other
/// runtimes.
struct EvaluationTrace {
    private let float: FloatExecutor
    private let integer: IntegerExecutor
    private let tensors: [String?]
    private let limit: Int
    private var inputs: [[Float]] = []

    /// `tensors` are the names of the values' 8-bit tensors in the file.
    init(float: FloatExecutor, integer: IntegerExecutor, tensors: [String?], images: Int) {
        self.tensors = tensors
        self.float = float
        self.integer = integer
        limit = images
    }

    mutating func add(_ images: [[Float]]) {
        inputs += images.prefix(max(limit - inputs.count, 0))
    }

    /// Tensors: `input` in the model's own layout; the file's 8-bit tensors, NHWC; `output` and
    /// `output_float`, all outputs one after the other.
    func write(to path: String) throws {
        let graph = integer.graph
        let biases = BiasState(of: integer.network)
        let workspace = Workspace()
        var activations = [[UInt8]](repeating: [], count: graph.valueCount)
        var output: [Float] = []
        var reference: [Float] = []
        for input in inputs {
            reference += float.run(input, workspace: workspace)
            var run = integer.start(input, workspace: workspace)
            for (value, end) in graph.inputs.enumerated() {
                activations[value] += UnsafeBufferPointer(
                    start: run.input(value), count: end.shape.count)
            }
            for (index, node) in graph.nodes.enumerated() {
                guard let values = run.step(biases: biases, workspace: workspace) else { continue }
                activations[graph.value(of: index)] += UnsafeBufferPointer(
                    start: values, count: node.shape.count)
            }
            output += run.finish(workspace: workspace)
        }
        var file = SafetensorsFile()
        let shape = graph.inputs[0].shape
        let isChannelsFirst = graph.inputs[0].layout == .nchw
        try file.add(
            "input", inputs.flatMap { isChannelsFirst ? shape.channelsFirst($0) : $0 },
            shape: isChannelsFirst
                ? [inputs.count, shape.channels, shape.height, shape.width]
                : [inputs.count, shape.height, shape.width, shape.channels])
        for value in 0..<graph.valueCount {
            guard let quantization = integer.network.activations[value], !activations[value].isEmpty
            else { continue }
            let shape = graph.shape(of: value)
            let axes = [inputs.count, shape.height, shape.width, shape.channels]
            guard let name = tensors[value] else { continue }
            switch quantization.type {
            case .uint8: try file.add(name, activations[value], shape: axes)
            case .int8:
                try file.add(
                    name, activations[value].map { Int8(bitPattern: $0 ^ 0x80) }, shape: axes)
            }
        }
        let classes = graph.outputCount
        try file.add("output", output, shape: [inputs.count, classes])
        try file.add("output_float", reference, shape: [inputs.count, classes])
        try AtomicFile.write(file.encoded(), to: path, durable: false)
    }
}

extension TensorShape {
    fileprivate func channelsFirst(_ values: [Float]) -> [Float] {
        (0..<channels).flatMap { channel in
            (0..<pixels).map { values[$0 * channels + channel] }
        }
    }
}
