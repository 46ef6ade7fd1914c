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
    private let pixels: Int
    /// Of the clamps that follow the convolution as nodes of their own.
    private let clamps: [[UInt8]]
    private let step: [Int32]
    /// Accumulators that the caches of one core hold.
    private let cachedCount: Int

    /// - Parameters:
    ///   - layer: position among the convolutions.
    ///   - match: in front of the activation or behind it.
    ///   - executor: of the integer network.
    ///   - cachedCount: accumulators that are added up at a time, at least 1; 256 KiB of them by default. Sums do not depend on it.
    init(
        of layer: Int, _ match: Match, in executor: IntegerExecutor, cachedCount: Int = 1 << 16
    ) {
        self.cachedCount = cachedCount
        let graph = executor.graph
        node = graph.convolutions[layer]
        channels = graph.nodes[node].shape.channels
        pixels = graph.nodes[node].shape.pixels
        self.layer = layer
        self.match = match
        clamps = graph.clamps(behind: node).map(executor.table(ofClamp:))
        step = match == .post ? executor.network.outputStep(node) : []
    }

    /// Of one image, whose run rests in front of the convolution.
    func sums(of run: IntegerRun, biases: BiasState, workspace: Workspace) -> LayerSums {
        let accumulators = run.accumulate(workspace: workspace)
        defer { workspace.give(accumulators) }
        var sums = LayerSums(channels: channels, match)
        let bias = biases.layers[layer]
        let raised = zip(bias, step).map { $0 &+ $1 }
        // A part that stays cached is read three times.
        let part = max(cachedCount / channels, 1)
        for first in stride(from: 0, to: pixels, by: part) {
            let pixels = min(part, pixels - first)
            let accumulators = UnsafePointer(accumulators.int32s) + first * channels
            StatisticsKernels.accumulatorSums(
                accumulators, pixels: pixels, channels: channels, sums: &sums.accumulators)
            guard match == .post, let requantization = run.requantization else { continue }
            add(accumulators, pixels, bias, requantization, to: &sums.outputs, workspace)
            add(accumulators, pixels, raised, requantization, to: &sums.raisedOutputs, workspace)
        }
        return sums
    }

    /// Adds the outputs up that accumulators give with these biases.
    private func add(
        _ accumulators: UnsafePointer<Int32>, _ pixels: Int, _ bias: [Int32],
        _ requantization: Requantization, to sums: inout [Int64], _ workspace: Workspace
    ) {
        if clamps.isEmpty {
            StatisticsKernels.requantizedSums(
                accumulators, bias: bias, requantization: requantization, pixels: pixels,
                channels: channels, sums: &sums)
            return
        }
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
