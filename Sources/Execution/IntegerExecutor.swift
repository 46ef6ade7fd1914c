// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph
package import Quantization

/// Runs the quantized network in integers, exactly as the exported model runs where it is deployed.
///
/// Activations are uint8 throughout (int8 tensors are stored with 128 added). Biases are an
/// argument of every step, since they are what calibration changes; everything else is packed once.
package final class IntegerExecutor: Sendable {
    /// A convolution's packed weights and how its accumulators become 8-bit or float values.
    struct Layer: Sendable {
        var kernel: IntegerConvolution
        /// Position among the convolutions: index into ``BiasState/layers``.
        var ordinal: Int
        /// Nil where the output stays float.
        var requantization: Requantization?
        /// Real value of one accumulator step, per channel.
        var scales: [Float]
    }

    package let network: QuantizedNetwork
    package var graph: Graph { network.graph }
    let lastUses: [Int]
    let layers: [Layer?]
    /// From this many products in a sum on, its accumulator is kept between looking at it and using
    /// it: to write and read it then takes less time than to compute it again.
    let keptReduction: Int
    /// Most accumulators of a layer that are kept: 1 MiB an image.
    static let mostKept = 1 << 18
    /// For concatenations, clamps and activations: one 256-entry table per input.
    private let tables: [[[UInt8]]]

    /// - Parameters:
    ///   - network: packed here.
    ///   - keptReduction: products in a sum from which on
    ///     ``IntegerRun/observe(rowsAtATime:workspace:_:)`` keeps it for the step. Results do not
    ///     depend on it.
    package init(_ network: QuantizedNetwork, keptReduction: Int = 256) {
        self.network = network
        self.keptReduction = keptReduction
        lastUses = network.graph.lastUses
        var ordinal = 0
        var layers: [Layer?] = []
        for index in network.graph.nodes.indices {
            let layer = Self.layer(network, index: index, ordinal: ordinal)
            if layer != nil { ordinal += 1 }
            layers.append(layer)
        }
        self.layers = layers
        tables = network.graph.nodes.indices.map { Self.tables(network, index: $0) }
    }

    private static func layer(_ network: QuantizedNetwork, index: Int, ordinal: Int) -> Layer? {
        let node = network.graph.nodes[index]
        guard let convolution = node.convolution, let parameters = network.parameters[index],
            let input = network.activations[node.inputs[0]]
        else { return nil }
        let channels = node.shape.channels
        let taps = parameters.weights.count / channels
        var weights = parameters.weights
        for channel in 0..<channels {
            let zero = Int16(parameters.zeroPoint(channel: channel))
            if zero == 0 { continue }
            for tap in channel * taps..<(channel + 1) * taps { weights[tap] -= zero }
        }
        let scales = (0..<channels).map {
            BiasQuantization.scale(input: input.scale, weight: parameters.scale(channel: $0))
        }
        let requantization = network.activations[index + 1].map { output in
            let bounds = output.unsignedBounds(lower: node.clamp.lower, upper: node.clamp.upper)
            return Requantization(
                multipliers: scales.map { $0 / output.scale }, zeroPoint: output.unsignedZeroPoint,
                lower: bounds.lower, upper: bounds.upper)
        }
        return Layer(
            kernel: IntegerConvolution(
                input: network.graph.shape(of: node.inputs[0]), output: node.shape,
                convolution: convolution, weights: weights,
                inputZeroPoint: input.unsignedZeroPoint),
            ordinal: ordinal, requantization: requantization, scales: scales)
    }

    /// Tables from each input's 8-bit values to the node's: dequantize, function and clamp,
    /// quantize.
    private static func tables(_ network: QuantizedNetwork, index: Int) -> [[UInt8]] {
        let node = network.graph.nodes[index]
        var function: ActivationFunction?
        switch node.operation {
        case .concat, .clamp: break
        case .activation(let given): function = given
        default: return []
        }
        guard let output = network.activations[index + 1] else { return [] }
        return node.inputs.map { value in
            guard let input = network.activations[value] else { return [] }
            return (0..<256).map { stored in
                let real = input.real(UInt8(stored))
                return output.stored(function?.value(at: real) ?? real, clamp: node.clamp)
            }
        }
    }

    /// Of a clamp node: from its input's 8-bit values to its own, 256 entries.
    package func table(ofClamp node: Int) -> [UInt8] { tables[node][0] }

    /// Starts one image.
    /// - Parameters:
    ///   - input: NHWC, `graph.input.shape.count` elements; quantized as the model's first node
    ///     does.
    ///   - workspace: of the calling thread.
    /// - Returns: a run in front of the first node.
    package func start(_ input: UnsafePointer<Float>, workspace: Workspace) -> IntegerRun {
        IntegerRun(executor: self, input: input, workspace: workspace)
    }

    /// Runs one image to the end.
    /// - Returns: the output as real values, NHWC: dequantized, or straight from the accumulators.
    package func run(
        _ input: UnsafePointer<Float>, biases: BiasState, workspace: Workspace
    ) -> [Float] {
        var run = start(input, workspace: workspace)
        while run.next < graph.nodes.count { run.step(biases: biases, workspace: workspace) }
        return run.finish(biases: biases, workspace: workspace)
    }

    func computeWithoutWeights(
        _ index: Int, values: LiveValues, output: UnsafeMutablePointer<UInt8>,
        workspace: Workspace
    ) {
        let node = graph.nodes[index]
        let input = UnsafePointer(values[node.inputs[0]].bytes)
        let inputShape = graph.shape(of: node.inputs[0])
        guard let from = network.activations[node.inputs[0]],
            let to = network.activations[index + 1]
        else { preconditionFailure("'\(node.name)' has no 8-bit input or output") }
        let source = ByteQuantization(from)
        let result = ByteQuantization(to, clamp: node.clamp)
        switch node.operation {
        case .convolution:
            preconditionFailure("convolutions have weights")
        case .add:
            guard let other = network.activations[node.inputs[1]] else {
                preconditionFailure("'\(node.name)' has no 8-bit second input")
            }
            IntegerKernels.add(
                input, source, UnsafePointer(values[node.inputs[1]].bytes), ByteQuantization(other),
                count: node.shape.count, result: result, output)
        case .multiply:
            guard let other = network.activations[node.inputs[1]] else {
                preconditionFailure("'\(node.name)' has no 8-bit second input")
            }
            IntegerKernels.multiply(
                input, source, UnsafePointer(values[node.inputs[1]].bytes), ByteQuantization(other),
                shape: node.shape, broadcasts: graph.broadcasts(node), result: result, output)
        case .concat:
            var offset = 0
            for (operand, value) in node.inputs.enumerated() {
                let channels = graph.shape(of: value).channels
                let operandBytes = UnsafePointer(values[value].bytes)
                for pixel in 0..<node.shape.pixels {
                    IntegerKernels.lookup(
                        operandBytes + pixel * channels, count: channels,
                        table: tables[index][operand],
                        output + pixel * node.shape.channels + offset)
                }
                offset += channels
            }
        case .localResponseNormalization(let lrn):
            let real = normalized(lrn, input, source, shape: node.shape, workspace: workspace)
            quantize(real, of: node, result: result, output)
            workspace.give(real)
        case .clamp, .activation:
            IntegerKernels.lookup(input, count: node.shape.count, table: tables[index][0], output)
        case .maxPool(let window):
            IntegerKernels.maxPool(input, shape: inputShape, window: window, output)
        case .averagePool(let window, let countIncludePad):
            IntegerKernels.averagePool(
                input, source, shape: inputShape, window: window, countIncludePad: countIncludePad,
                result: result, output)
        case .globalAveragePool:
            IntegerKernels.globalAveragePool(
                input, source, shape: inputShape, result: result, output)
        }
    }
}

extension IntegerExecutor {
    /// Local response normalization of dequantized values, which no runtime computes in integers.
    /// The buffer is the caller's.
    func normalized(
        _ lrn: LocalResponseNormalization, _ input: UnsafePointer<UInt8>,
        _ quantization: ByteQuantization, shape: FeatureShape, workspace: Workspace
    ) -> AlignedBuffer {
        let bytes = shape.count * MemoryLayout<Float>.stride
        let (real, output) = (workspace.take(byteCount: bytes), workspace.take(byteCount: bytes))
        IntegerKernels.dequantize(
            input, count: shape.count, scale: quantization.scale,
            zeroPoint: quantization.zeroPoint, real.floats)
        FloatKernels.localResponseNormalization(lrn, real.floats, shape: shape, output.floats)
        workspace.give(real)
        return output
    }

    /// Whether a node computes its means in float: of a float result, or as the network's float
    /// output.
    func averagesFloats(_ index: Int) -> Bool {
        let node = graph.nodes[index]
        return node.convolution == nil
            && (network.activations[index + 1] == nil
                || network.activations[node.inputs[0]] == nil)
    }

    /// Mean of real values, in front of the node's clamp. The buffer is the caller's.
    func mean(_ index: Int, values: LiveValues, workspace: Workspace) -> AlignedBuffer {
        let node = graph.nodes[index]
        let shape = graph.shape(of: node.inputs[0])
        let stride = MemoryLayout<Float>.stride
        let output = workspace.take(byteCount: node.shape.count * stride)
        var real = values[node.inputs[0]]
        if let from = network.activations[node.inputs[0]] {
            real = workspace.take(byteCount: shape.count * stride)
            IntegerKernels.dequantize(
                values[node.inputs[0]].bytes, count: shape.count, scale: from.scale,
                zeroPoint: from.unsignedZeroPoint, real.floats)
        }
        switch node.operation {
        case .averagePool(let window, let countIncludePad):
            FloatKernels.averagePool(
                real.floats, shape: shape, window: window, countIncludePad: countIncludePad,
                output.floats)
        case .globalAveragePool:
            FloatKernels.globalAveragePool(real.floats, shape: shape, output.floats)
        default: preconditionFailure("'\(node.name)' is no mean")
        }
        if network.activations[node.inputs[0]] != nil { workspace.give(real) }
        return output
    }

    /// A node's float result behind its clamp, which is applied in place.
    func quantize(
        _ real: AlignedBuffer, of node: Node, result: ByteQuantization,
        _ output: UnsafeMutablePointer<UInt8>
    ) {
        FloatKernels.clamp(real.floats, count: node.shape.count, clamp: node.clamp, real.floats)
        IntegerKernels.quantize(
            real.floats, count: node.shape.count, scale: result.scale,
            zeroPoint: result.zeroPoint, output)
    }
}

extension ByteQuantization {
    init(_ quantization: TensorQuantization, clamp: Clamp = .none) {
        let bounds = quantization.unsignedBounds(lower: clamp.lower, upper: clamp.upper)
        self.init(
            scale: quantization.scale, zeroPoint: quantization.unsignedZeroPoint,
            lower: bounds.lower, upper: bounds.upper)
    }
}
