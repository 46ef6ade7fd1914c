// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import NetworkGraph

/// Builds small networks of every operation for tests.
package struct SmallNetwork {
    package private(set) var nodes: [Node] = []
    private var parameters: [FloatParameters?] = []
    package let input: TensorShape
    package var generator: SeededGenerator

    package init(input: TensorShape, seed: UInt64) {
        self.input = input
        generator = SeededGenerator(seed: seed)
    }

    package func shape(_ value: ValueID) -> TensorShape {
        value == 0 ? input : nodes[value - 1].shape
    }

    /// - Returns: the new node's value.
    @discardableResult
    package mutating func append(
        _ operation: Operation, _ inputs: [ValueID], shape: TensorShape, clamp: Clamp = .none
    ) -> ValueID {
        nodes.append(
            Node(
                name: "node\(nodes.count)", operation: operation, inputs: inputs, clamp: clamp,
                shape: shape))
        parameters.append(nil)
        return nodes.count
    }

    @discardableResult
    package mutating func convolve(
        _ value: ValueID, channels: Int, kernel: Int = 1, stride: Int = 1, groups: Int = 1,
        clamp: Clamp = .none
    ) -> ValueID {
        let pad = kernel / 2
        let window = Window(
            kernelHeight: kernel, kernelWidth: kernel, strideHeight: stride, strideWidth: stride,
            padTop: pad, padLeft: pad, padBottom: pad, padRight: pad)
        let from = shape(value)
        guard let extent = window.outputExtent(height: from.height, width: from.width) else {
            preconditionFailure("window does not fit")
        }
        let result = append(
            .convolution(Convolution(window: window, groups: groups)), [value],
            shape: TensorShape(height: extent.height, width: extent.width, channels: channels),
            clamp: clamp)
        let depth = kernel * kernel * from.channels / groups
        let scale = 1.7 / Float(depth).squareRoot()
        parameters[result - 1] = FloatParameters(
            weights: (0..<channels * depth).map { _ in generator.unit() * scale },
            bias: (0..<channels).map { _ in generator.unit() * 0.3 })
        return result
    }

    package func network(output: ValueID? = nil, rank: Int = 2) -> FloatNetwork {
        FloatNetwork(
            graph: Graph(
                name: "small", input: Graph.Input(name: "input", shape: input, layout: .nchw),
                nodes: nodes,
                output: Graph.Output(name: "output", value: output ?? nodes.count, rank: rank)),
            parameters: parameters)
    }

    /// Depthwise-separable, with a residual, a concatenation, all pools, a free-standing clamp and
    /// a head.
    package static func everything(seed: UInt64) -> FloatNetwork {
        var small = SmallNetwork(
            input: TensorShape(height: 13, width: 11, channels: 3), seed: seed)
        let relu6 = Clamp(lower: 0, upper: 6)
        let stem = small.convolve(0, channels: 19, kernel: 3, stride: 2, clamp: relu6)
        let depthwise = small.convolve(stem, channels: 19, kernel: 3, groups: 19, clamp: relu6)
        let pointwise = small.convolve(depthwise, channels: 19)
        let sum = small.append(
            .add, [stem, pointwise], shape: small.shape(stem), clamp: Clamp(lower: 0))
        let grouped = small.convolve(
            sum, channels: 12, kernel: 3, groups: 1, clamp: Clamp(lower: 0))
        var joined = small.shape(sum)
        joined.channels = 31
        let concat = small.append(.concat(axis: 2), [sum, grouped], shape: joined)
        let window = Window(
            kernelHeight: 3, kernelWidth: 3, strideHeight: 2, strideWidth: 2, padTop: 1, padLeft: 1,
            padBottom: 1, padRight: 1)
        guard let extent = window.outputExtent(height: joined.height, width: joined.width) else {
            preconditionFailure("window does not fit")
        }
        let pooled = TensorShape(height: extent.height, width: extent.width, channels: 31)
        let largest = small.append(.maxPool(window), [concat], shape: pooled)
        let average = small.append(
            .averagePool(window, countIncludePad: true), [concat], shape: pooled)
        let both = small.append(.add, [largest, average], shape: pooled)
        let clamped = small.append(.clamp, [both], shape: pooled, clamp: relu6)
        let mean = small.append(
            .globalAveragePool, [clamped], shape: TensorShape(height: 1, width: 1, channels: 31))
        small.convolve(mean, channels: 9)
        return small.network()
    }

    /// Clamps as nodes of their own, one and two behind a convolution.
    package static func clamped(seed: UInt64) -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 7, width: 9, channels: 3), seed: seed)
        func clamp(_ value: ValueID, _ bounds: Clamp) -> ValueID {
            small.append(.clamp, [value], shape: small.shape(value), clamp: bounds)
        }
        let stem = small.convolve(0, channels: 11, kernel: 3)
        let twice = clamp(clamp(stem, Clamp(lower: -0.5)), Clamp(lower: 0, upper: 0.75))
        let depthwise = small.convolve(
            twice, channels: 11, kernel: 3, groups: 11, clamp: Clamp(lower: 0))
        let once = clamp(depthwise, Clamp(lower: 0.125, upper: 0.5))
        let mean = small.append(
            .globalAveragePool, [once], shape: TensorShape(height: 1, width: 1, channels: 11))
        small.convolve(mean, channels: 5)
        return small.network()
    }

    /// HardSwish, squeeze-and-excitation, local response normalization and a product of equal
    /// shapes.
    package static func gated(seed: UInt64) -> FloatNetwork {
        var small = SmallNetwork(
            input: TensorShape(height: 9, width: 11, channels: 3), seed: seed)
        let stem = small.convolve(0, channels: 21, kernel: 3, stride: 2)
        let swish = small.append(.activation(.hardSwish), [stem], shape: small.shape(stem))
        let pixel = TensorShape(height: 1, width: 1, channels: 21)
        let mean = small.append(.globalAveragePool, [swish], shape: pixel)
        let gate = small.append(
            .activation(.hardSigmoid(alpha: 1 / 6, beta: 0.5)),
            [small.convolve(mean, channels: 21)], shape: pixel)
        let scaled = small.append(.multiply, [swish, gate], shape: small.shape(swish))
        let lrn = LocalResponseNormalization(size: 5, alpha: 0.5, beta: 0.75, bias: 1)
        let normal = small.append(
            .localResponseNormalization(lrn), [scaled], shape: small.shape(scaled))
        let product = small.append(
            .multiply, [normal, small.convolve(scaled, channels: 21)],
            shape: small.shape(normal), clamp: Clamp(lower: 0))
        small.convolve(
            small.append(.globalAveragePool, [product], shape: pixel), channels: 9)
        return small.network()
    }

    /// Random images as pixels.
    package static func images(_ count: Int, for network: FloatNetwork, seed: UInt64)
        -> [InputPayload]
    {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            .pixels(
                (0..<network.graph.inputs[0].shape.count).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                })
        }
    }

    /// `x / 127.5 - 1`.
    package static func encoding(for network: FloatNetwork) -> InputEncoding {
        let table = (0..<256).map { Float($0) / 127.5 - 1 }
        return InputEncoding(
            tables: [[Float]](repeating: table, count: network.graph.inputs[0].shape.channels))
    }
}
