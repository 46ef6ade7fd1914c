// SPDX-License-Identifier: Apache-2.0

import Foundation
package import NetworkGraph

/// A fixture's input and ONNX Runtime's output, in the model's own layout.
package struct Golden: Decodable, Sendable {
    package struct Tensor: Decodable, Sendable {
        package var dims: [Int]
        package var values: [Double]
    }

    package var input: Tensor
    package var output: Tensor

    package init(named name: String) throws {
        let url = Resources.fixtures.appendingPathComponent("onnx/\(name).json")
        self = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }

    /// All fixtures of Tests/Fixtures/onnx.
    package static let names: [String] = {
        let folder = Resources.fixtures.appendingPathComponent("onnx").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".onnx") }.map { String($0.dropLast(5)) }.sorted()
    }()

    package static func path(of name: String) -> String {
        Resources.fixtures.appendingPathComponent("onnx/\(name).onnx").path
    }

    /// Runs the images of a fixture through `run`, NHWC in and out.
    /// - Returns: all outputs in the layout of the model, and the largest magnitude of the goldens,
    ///   at least 1.
    package func outputs(
        of graph: Graph, _ run: ([Double]) -> [Double]
    ) -> (values: [Double], scale: Double) {
        let size = graph.inputs[0].shape.count
        let outputShape = graph.shape(of: graph.outputs[0].value)
        var result: [Double] = []
        for image in 0..<input.dims[0] {
            let values = Array(input.values[image * size..<(image + 1) * size])
            let isFirst = graph.inputs[0].layout == .nchw
            var output = run(isFirst ? channelsLast(values, graph.inputs[0].shape) : values)
            output = graph.outputs[0].function?.applied(to: output, outputShape) ?? output
            let isMap = outputShape.layout == .features && graph.outputs[0].layout == .nchw
            result += isMap ? channelsFirst(output, outputShape) : output
        }
        return (result, output.values.reduce(1) { max($0, abs($1)) })
    }
}

/// `[C][H][W]` to `[H][W][C]`.
package func channelsLast(_ values: [Double], _ shape: TensorShape) -> [Double] {
    (0..<shape.count).map { index in
        values[index % shape.channels * shape.pixels + index / shape.channels]
    }
}

/// `[H][W][C]` to `[C][H][W]`.
package func channelsFirst(_ values: [Double], _ shape: TensorShape) -> [Double] {
    (0..<shape.count).map { index in
        values[index % shape.pixels * shape.channels + index / shape.pixels]
    }
}

extension Graph.OutputFunction {
    /// What the file computes behind the logits, NHWC.
    package func applied(to logits: [Double], _ shape: TensorShape) -> [Double] {
        (0..<shape.pixels).flatMap { pixel in
            let values = logits[pixel * shape.channels..<(pixel + 1) * shape.channels]
            let logarithm = log(values.map { exp($0) }.reduce(0, +))
            return values.map { self == .softmax ? exp($0 - logarithm) : $0 - logarithm }
        }
    }
}
