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

    /// As it was given; runs take their biases from a ``BiasState``.
    package let network: QuantizedNetwork
    /// Of the network that it runs.
    package var graph: Graph { network.graph }
    let lastUses: [Int]
    let layers: [Layer?]
    /// From this many products in a sum on, its accumulator is kept between looking at it and using
    /// it: to write and read it then takes less time than to compute it again.
    let keptReduction: Int
    /// Most accumulators of a layer that are kept: 1 MiB an image.
    static let mostKept = 1 << 18
    /// Of nodes that look their results up: one 256-entry table per operand.
    private let tables: [[[UInt8]]]
    /// Of nodes without weights.
    let executables: [(any ExecutableOperator)?]
    private let precisions: [FloatPrecision]
    /// By node: its result is its only operand, which nothing later reads.
    let handsOn: [Bool]

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
        executables = network.graph.nodes.map(\.operation.executable)
        precisions = network.graph.nodes.map(\.operation.form.floatPrecision)
        handsOn = network.graph.handsOn
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
        let requantization = network.activation(ofNode: index).map { output in
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

    /// Tables from each operand's 8-bit values to the node's: dequantize, function and clamp,
    /// quantize.
    private static func tables(_ network: QuantizedNetwork, index: Int) -> [[UInt8]] {
        let node = network.graph.nodes[index]
        guard let function = node.operation.executable?.tabulated,
            let output = network.activation(ofNode: index)
        else { return [] }
        return node.inputs.map { value in
            guard let input = network.activations[value] else { return [] }
            return (0..<256).map { stored in
                output.stored(function(input.real(UInt8(stored))), clamp: node.clamp)
            }
        }
    }

    /// Of a clamp node: from its input's 8-bit values to its own, 256 entries.
    package func table(ofClamp node: Int) -> [UInt8] { tables[node][0] }

    /// Starts one image.
    /// - Parameters:
    ///   - input: NHWC, all inputs one after the other, `graph.inputCount` elements; quantized as
    ///     the model's first nodes do.
    ///   - workspace: of the calling thread.
    /// - Returns: a run in front of the first node.
    package func start(_ input: UnsafePointer<Float>, workspace: Workspace) -> IntegerRun {
        IntegerRun(executor: self, input: input, workspace: workspace)
    }

    /// Runs one image to the end.
    /// - Returns: the outputs as real values, one after the other, NHWC: dequantized, or straight
    ///   from the accumulators.
    package func run(
        _ input: UnsafePointer<Float>, biases: BiasState, workspace: Workspace
    ) -> [Float] {
        var run = start(input, workspace: workspace)
        while run.next < graph.nodes.count { run.step(biases: biases, workspace: workspace) }
        return run.finish(workspace: workspace)
    }

    /// An integer pass of a node without weights.
    func compute(
        _ index: Int, values: LiveValues, output: UnsafeMutablePointer<UInt8>,
        mask: AlignedBuffer? = nil, indices: AlignedBuffer? = nil, isa: InstructionSet = .current
    ) {
        let node = graph.nodes[index]
        let sources = node.inputs.compactMap {
            network.activations[$0].map { ByteQuantization($0) }
        }
        guard sources.count == node.inputs.count, let to = network.activation(ofNode: index),
            let executable = executables[index]
        else { preconditionFailure("'\(node.name)' has no 8-bit operands or result") }
        executable.computeIntegers(
            IntegerCall(
                shapes: node.inputs.map(graph.shape(of:)),
                operands: node.inputs.map { UnsafePointer(values[$0].bytes) }, sources: sources,
                shape: node.shape, clamp: node.clamp,
                result: ByteQuantization(to, clamp: node.clamp), tables: tables[index],
                output: output, mask: mask?.bytes, indices: indices?.uint16s, isa: isa))
    }

    /// Whether runtimes compute a node in float, between a dequantization and a quantization.
    func runsInFloat(_ index: Int) -> Bool {
        let node = graph.nodes[index]
        switch precisions[index] {
        case .never: return false
        case .always: return true
        case .amongFloats:
            return network.activation(ofNode: index) == nil
                || node.inputs.contains { network.activations[$0] == nil }
        }
    }

    /// A float pass of a node without weights, in front of its clamp; 8-bit operands are
    /// dequantized. The buffer is the caller's.
    func computeFloats(_ index: Int, values: LiveValues, workspace: Workspace) -> AlignedBuffer {
        let node = graph.nodes[index]
        let stride = MemoryLayout<Float>.stride
        guard let executable = executables[index] else { preconditionFailure("no weights") }
        let output = workspace.take(byteCount: node.shape.count * stride)
        let operands = node.inputs.map { value in
            guard let from = network.activations[value] else { return values[value] }
            let count = graph.shape(of: value).count
            let real = workspace.take(byteCount: count * stride)
            IntegerKernels.dequantize(
                values[value].bytes, count: count, scale: from.scale,
                zeroPoint: from.unsignedZeroPoint, real.floats)
            return real
        }
        executable.computeFloats(
            FloatCall(
                shapes: node.inputs.map(graph.shape(of:)),
                operands: operands.map { UnsafePointer($0.floats) }, shape: node.shape,
                clamp: .none, output: output.floats))
        for (value, real) in zip(node.inputs, operands) where network.activations[value] != nil {
            workspace.give(real)
        }
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
