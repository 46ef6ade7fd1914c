// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization

/// What a correction round looks at: one convolution, in front of the activation or behind it.
struct LayerObservation: Sendable {
    /// Of the convolution.
    let node: Int
    let channels: Int
    private let layer: Int
    private let match: Match
    /// Of the clamps that follow the convolution as nodes of their own.
    private let clamps: [[UInt8]]
    private let step: [Int32]
    /// Output rows whose accumulators the caches of one core hold.
    private let cachedRows: Int

    /// - Parameters:
    ///   - layer: position among the convolutions.
    ///   - match: in front of the activation or behind it.
    ///   - executor: of the integer network.
    ///   - cachedCount: accumulators that are added up at a time, at least 1; 256 KiB of them by
    ///     default. Sums do not depend on it.
    init(
        of layer: Int, _ match: Match, in executor: IntegerExecutor, cachedCount: Int = 1 << 16
    ) {
        let graph = executor.graph
        node = graph.convolutions[layer]
        let shape = graph.nodes[node].shape
        channels = shape.channels
        cachedRows = max(cachedCount / (shape.width * shape.channels), 1)
        self.layer = layer
        self.match = match
        clamps = graph.clamps(behind: node).map(executor.table(ofClamp:))
        step = match == .post ? executor.network.outputStep(node) : []
    }

    /// Of one image, whose run rests in front of the convolution and stays there.
    func sums(of run: inout IntegerRun, biases: BiasState, workspace: Workspace) -> LayerSums {
        var sums = LayerSums(channels: channels, match)
        let bias = biases.layers[layer]
        let raised = zip(bias, step).map { $0 &+ $1 }
        let requantization = match == .post ? run.requantization : nil
        run.observe(rowsAtATime: cachedRows, workspace: workspace) { accumulators, pixels in
            if clamps.isEmpty, let requantization {
                StatisticsKernels.correctionSums(
                    accumulators, bias: bias, raisedBias: raised, requantization: requantization,
                    pixels: pixels, channels: channels, sums: &sums.accumulators,
                    outputs: &sums.outputs, raisedOutputs: &sums.raisedOutputs)
                return
            }
            StatisticsKernels.accumulatorSums(
                accumulators, pixels: pixels, channels: channels, sums: &sums.accumulators)
            guard let requantization else { return }
            add(accumulators, pixels, bias, requantization, to: &sums.outputs, workspace)
            add(accumulators, pixels, raised, requantization, to: &sums.raisedOutputs, workspace)
        }
        return sums
    }

    /// Adds the outputs behind clamps up that accumulators give with these biases.
    private func add(
        _ accumulators: UnsafePointer<Int32>, _ pixels: Int, _ bias: [Int32],
        _ requantization: Requantization, to sums: inout [Int64], _ workspace: Workspace
    ) {
        let count = pixels * channels
        let output = workspace.take(byteCount: count)
        defer { workspace.give(output) }
        IntegerKernels.requantize(
            accumulators, bias: bias, requantization: requantization, pixels: pixels,
            channels: channels, output.bytes)
        for table in clamps {
            IntegerKernels.lookup(output.bytes, count: count, table: table, output.bytes)
        }
        StatisticsKernels.byteSums(output.bytes, pixels: pixels, channels: channels, sums: &sums)
    }
}
