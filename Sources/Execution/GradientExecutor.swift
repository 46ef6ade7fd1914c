// SPDX-License-Identifier: Apache-2.0

package import Kernels
import NetworkGraph
package import Quantization

/// Forward and backward passes for bias fine-tuning: the forward pass is that of the integer
/// network, the backward pass the straight-through estimator.
///
/// A gradient passes a node's output where the value was inside the quantizer's range and strictly
/// inside the node's clamp (`GradientMask` has the exact conditions), and goes through convolutions
/// as dequantized weights, `Float(q - zeroPoint) * scale`. Gradients are Float under the numerics
/// contract; their sums over pixels are Double. Weights are packed once; any number of threads may
/// use one executor.
package final class GradientExecutor: Sendable {
    /// Of the forward pass.
    package let executor: IntegerExecutor
    /// Bytes one recorded image keeps: masks, indices of max-pools, and operands of products,
    /// activations and normalizations.
    package let tapeBytes: Int
    /// Peak bytes of float gradients alive at once during the backward pass.
    package var gradientBytes: Int { pass.gradientBytes }
    let pass: BackwardPass
    let isa: InstructionSet
    /// By node: the accumulators whose gradient passes; nil where all do or nobody asks.
    let passingSums: [PassingSums?]
    /// Of nodes that mask their operands, by node and operand: as `GradientMask.table`; nil where
    /// all pass or nobody asks.
    let passingTables: [[[UInt8]?]]
    /// By node: as `ExecutableOperator.slopes(from:to:clamp:)`.
    let slopes: [[Float]]

    /// The same with the kernels of `InstructionSet.current`.
    package convenience init(_ executor: IntegerExecutor) {
        self.init(executor, isa: .current)
    }

    /// - Parameters:
    ///   - executor: of the network; its biases do not count.
    ///   - isa: of the backward pass; every choice gives the same bits.
    package init(_ executor: IntegerExecutor, isa: InstructionSet) {
        let network = executor.network
        let pass = BackwardPass(
            graph: network.graph, weights: network.parameters.map { $0?.dequantizedWeights },
            isa: isa)
        self.executor = executor
        self.pass = pass
        self.isa = isa
        let sums = executor.layers.enumerated().map { index, layer -> PassingSums? in
            guard let layer, pass.isActive[network.graph.value(of: index)] else { return nil }
            let passing = PassingSums(
                requantization: layer.requantization, scales: layer.scales,
                clamp: network.graph.nodes[index].clamp)
            return passing.isEverything ? nil : passing
        }
        let tables = network.graph.nodes.indices.map { Self.tables(network, pass, index: $0) }
        passingSums = sums
        passingTables = tables
        slopes = network.graph.nodes.indices.map { Self.slopes(network, pass, index: $0) }
        tapeBytes = network.graph.nodes.indices.map { index in
            let node = network.graph.nodes[index]
            guard pass.isActive[network.graph.value(of: index)] else { return 0 }
            guard let executable = executor.executables[index] else {
                return sums[index] == nil ? 0 : node.maskBytes
            }
            var bytes = executable.keepsIndices ? node.shape.count * MemoryLayout<UInt16>.stride : 0
            for operand in executable.keptOperands(node.inputs.map { pass.isActive[$0] }) {
                bytes += network.graph.shape(of: node.inputs[operand]).count
            }
            switch executable.mask {
            case .none: break
            case .result: bytes += node.maskBytes
            case .operands:
                for (value, table) in zip(node.inputs, tables[index]) where table != nil {
                    bytes += GradientMask.byteCount(
                        pixels: node.shape.pixels, channels: network.graph.shape(of: value).channels
                    )
                }
            }
            return bytes
        }.reduce(0, +)
    }

    private static func tables(
        _ network: QuantizedNetwork, _ pass: BackwardPass, index: Int
    ) -> [[UInt8]?] {
        let node = network.graph.nodes[index]
        guard node.operation.executable?.mask == .operands else { return [] }
        return node.inputs.map { value in
            guard pass.isActive[network.graph.value(of: index)], pass.isActive[value],
                let from = network.activations[value], let to = network.activation(ofNode: index)
            else { return nil }
            let table = GradientMask.table(
                from: ByteQuantization(from), to: ByteQuantization(to), clamp: node.clamp)
            return table.allSatisfy { $0 == 1 } ? nil : table
        }
    }

    private static func slopes(
        _ network: QuantizedNetwork, _ pass: BackwardPass, index: Int
    ) -> [Float] {
        let node = network.graph.nodes[index]
        guard pass.isActive[network.graph.value(of: index)],
            let executable = node.operation.executable,
            let from = network.activations[node.inputs[0]],
            let to = network.activation(ofNode: index)
        else { return [] }
        return executable.slopes(
            from: ByteQuantization(from), to: ByteQuantization(to), clamp: node.clamp)
    }

    /// Integer forward pass of one image that keeps what the backward pass needs. Activations are
    /// given back as soon as no later node reads them.
    /// - Parameters:
    ///   - input: NHWC, as `IntegerExecutor.start` takes it.
    ///   - biases: of all convolutions.
    ///   - workspace: of the calling thread.
    /// - Returns: a tape that must be ended by `backpropagate` or `discard`.
    package func record(
        _ input: UnsafePointer<Float>, biases: BiasState, workspace: Workspace
    ) -> Tape {
        var record = BackwardRecord(nodes: executor.graph.nodes.count)
        var run = executor.start(input, workspace: workspace)
        while run.next < executor.graph.nodes.count {
            record.entries[run.next] = run.step(
                recordingFor: self, biases: biases, workspace: workspace)
        }
        return Tape(
            logits: run.finish(workspace: workspace), record: record, pass: pass)
    }
}

/// One image between its forward and its backward pass.
package struct Tape: Sendable {
    /// The network's output as real values, NHWC: the bits of `IntegerExecutor.run`.
    package let logits: [Float]
    private var record: BackwardRecord
    private let pass: BackwardPass

    init(logits: [Float], record: BackwardRecord, pass: BackwardPass) {
        self.logits = logits
        self.record = record
        self.pass = pass
    }

    /// Adds the gradients of all biases, per real unit of the bias, and gives all buffers back.
    /// Once only.
    /// - Parameters:
    ///   - gradient: of the loss with respect to `logits`.
    ///   - sums: one array per convolution in topological order, one element per output channel;
    ///     pixels are added in order to what they hold.
    ///   - workspace: of the calling thread.
    package mutating func backpropagate(
        _ gradient: [Float], into sums: inout [[Double]], workspace: Workspace
    ) {
        pass.run(gradient, record: &record, into: &sums, workspace: workspace)
    }

    /// Gives all buffers back.
    package mutating func discard(workspace: Workspace) {
        record.discard(workspace: workspace)
    }
}

extension QuantizedParameters {
    /// `Float(q - zeroPoint) * scale`.
    package var dequantizedWeights: [Float] {
        let taps = weights.count / bias.count
        return [Float](unsafeUninitializedCapacity: weights.count) { result, initialized in
            for channel in bias.indices {
                let zero = zeroPoint(channel: channel)
                let scale = scale(channel: channel)
                for index in channel * taps..<(channel + 1) * taps {
                    result[index] = Float(Int(weights[index]) - zero) * scale
                }
            }
            initialized = weights.count
        }
    }
}

extension Node {
    /// Bytes of a mask of the output.
    var maskBytes: Int {
        GradientMask.byteCount(pixels: shape.pixels, channels: shape.channels)
    }
}
