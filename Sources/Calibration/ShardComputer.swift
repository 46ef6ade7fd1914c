// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
package import NetworkGraph
package import Quantization

/// What a shard's computation needs besides its images.
package struct ShardTask: Hashable, Sendable {
    /// What to compute.
    package var kind: RoundKind
    /// Whose images come with the task.
    package var shard: Shard
    /// Of all convolutions; without layers in rounds of the float network.
    package var biases: BiasState
    /// Counts rounds; states unused for two rounds are dropped.
    package var round: Int
    /// From the float network to the one that was quantized, with its channels; nil where they are
    /// the same, and in rounds that do not need it.
    package var rescaling: ChannelRescaling?

    /// Memberwise, unchecked.
    package init(
        kind: RoundKind, shard: Shard, biases: BiasState, round: Int,
        rescaling: ChannelRescaling? = nil
    ) {
        self.kind = kind
        self.shard = shard
        self.biases = biases
        self.round = round
        self.rescaling = rescaling
    }
}

/// The pure function every round maps over its shards, with a cache that never changes a result.
///
/// `compute` depends on the networks, the task and the images only. What it keeps between calls are
/// integer runs resting in front of the layer in work; a computer that lacks them, or holds them
/// for other biases, starts from the image.
package final class ShardComputer {
    private let float: FloatExecutor
    private var integer: IntegerExecutor?
    /// Made with the first round that needs it.
    private var gradient: GradientExecutor?
    private let encoding: InputEncoding
    private let pool: ComputePool
    private let nodeLayout: ChannelLayout
    private let convolutionLayout: ChannelLayout
    private var resting: [[Int]: RestingRuns] = [:]

    /// Integer runs of one shard, and the biases they have passed.
    private struct RestingRuns {
        var runs: [IntegerRun]
        var layer: Int
        var passed: ArraySlice<[Int32]>
        var lastRound: Int
    }

    /// - Parameters:
    ///   - network: the float network; packed here.
    ///   - encoding: applied to images that arrive as pixels.
    ///   - threads: compute threads, at least 1.
    package init(network: FloatNetwork, encoding: InputEncoding, threads: Int) {
        float = FloatExecutor(network)
        self.encoding = encoding
        pool = ComputePool(threads: threads)
        nodeLayout = ChannelLayout(network.graph)
        convolutionLayout = ChannelLayout(network.graph, convolutionsOnly: true)
    }

    /// Of the float network, and of the integer one.
    package var graph: Graph { float.graph }

    /// Shards whose runs rest, for tests.
    package var restingShards: Int { resting.count }

    /// Sets the integer network that all rounds but statistics run.
    /// - Throws: ``CalibrationError`` with code `taskMismatch` for one that is not made of the
    ///   float network; the one that was there stays.
    package func load(_ network: QuantizedNetwork) throws(CalibrationError) {
        guard network.graph.hasForm(of: float.graph) else {
            throw CalibrationError(.taskMismatch("the quantized network has another graph"))
        }
        resting = [:]
        integer = IntegerExecutor(network)
        gradient = nil
    }

    /// Computes one shard. What the task says comes from another machine: everything is checked
    /// against the networks first.
    /// - Parameters:
    ///   - task: what to compute.
    ///   - images: the shard's images, in order.
    ///   - targets: one per image in rounds with a loss.
    /// - Returns: the result as it travels.
    /// - Throws: ``CalibrationError`` with code `inputSize`, `edges`, `target`, `pooledValues` or
    ///   `taskMismatch`.
    package func compute(
        _ task: ShardTask, images: [InputPayload], targets: [TuningTarget] = []
    ) throws(CalibrationError) -> [UInt8] {
        try check(images, of: task)
        dropResting(before: task.round - 2)
        switch task.kind {
        case .statistics:
            return statistics(images)
        case .histograms(let edges):
            guard edges.count == float.graph.nodes.count else {
                throw CalibrationError(
                    .edges(expected: float.graph.nodes.count, found: edges.count))
            }
            return histograms(task, images: images, edges: edges)
        case .layerSums(let layer, let match):
            let integer = try network(for: task)
            guard integer.graph.convolutions.indices.contains(layer) else {
                throw CalibrationError(.taskMismatch("there is no layer \(layer)"))
            }
            return layerSums(task, layer: layer, match: match, images: images, integer)
        case .measure:
            return measure(task, images: images, try network(for: task))
        case .teacher:
            return teacher(images)
        case .loss(let loss):
            try check(targets, of: task, loss)
            return losses(
                task, loss, images: images, targets: targets, try network(for: task))
        case .gradient(let loss):
            try check(targets, of: task, loss)
            let integer = try network(for: task)
            try integer.graph.checkPooledValues()
            return gradients(task, loss, images: images, targets: targets, integer)
        }
    }

    private func check(
        _ images: [InputPayload], of task: ShardTask
    ) throws(CalibrationError) {
        guard images.count == task.shard.images.count else {
            throw CalibrationError(
                .taskMismatch(
                    "\(images.count) images came for \(task.shard.images.count)"))
        }
        let expected = float.graph.inputCount
        for (position, image) in zip(task.shard.images, images) {
            guard image.count == expected else {
                throw CalibrationError(
                    .inputSize(image: position, expected: expected, found: image.count))
            }
            if case .pixels = image, encoding.tables.isEmpty {
                throw CalibrationError(
                    .taskMismatch("image \(position) has pixels where it takes values"))
            }
        }
        if let rescaling = task.rescaling {
            for count in [rescaling.scales.count, rescaling.offsets.count]
            where count != nodeLayout.total {
                throw CalibrationError(.taskMismatch("\(count) channels are rescaled"))
            }
        }
    }

    /// The integer network, with which the task's biases have one form.
    private func network(for task: ShardTask) throws(CalibrationError) -> IntegerExecutor {
        guard let integer else {
            throw CalibrationError(.taskMismatch("there is no quantized network"))
        }
        guard
            task.biases.layers.map(\.count)
                == integer.network.parameters.compactMap({ $0?.bias.count })
        else { throw CalibrationError(.taskMismatch("its biases are not of these layers")) }
        return integer
    }

    private func check(
        _ targets: [TuningTarget], of task: ShardTask, _ loss: TuningLoss
    ) throws(CalibrationError) {
        let classes = float.graph.outputCount
        for (offset, image) in task.shard.images.enumerated() {
            guard targets.indices.contains(offset), loss.takes(targets[offset], classes: classes)
            else { throw CalibrationError(.target(image: image)) }
        }
    }

    private func teacher(_ images: [InputPayload]) -> [UInt8] {
        let logits = pool.map(images.count) { [float, encoding] index, workspace in
            float.run(encoding.encode(images[index]), workspace: workspace)
        }
        return TeacherLogits(images: logits).payload()
    }

    private func losses(
        _ task: ShardTask, _ loss: TuningLoss, images: [InputPayload], targets: [TuningTarget],
        _ integer: IntegerExecutor
    ) -> [UInt8] {
        let values = pool.map(images.count) { [encoding] index, workspace in
            let logits = integer.run(
                encoding.encode(images[index]), biases: task.biases, workspace: workspace)
            return loss.value(
                student: logits, target: targets[index], outputs: integer.graph.outputCounts)
        }
        var sums = LossSums(images: 0, loss: 0)
        for value in values { sums.add(LossSums(images: 1, loss: value)) }
        return sums.payload()
    }

    private func gradients(
        _ task: ShardTask, _ loss: TuningLoss, images: [InputPayload], targets: [TuningTarget],
        _ integer: IntegerExecutor
    ) -> [UInt8] {
        let executor = gradient ?? GradientExecutor(integer)
        gradient = executor
        let results = pool.map(images.count) { [encoding] index, workspace in
            var tape = executor.record(
                encoding.encode(images[index]), biases: task.biases, workspace: workspace)
            let (value, derivative) = loss.evaluate(
                student: tape.logits, target: targets[index], outputs: integer.graph.outputCounts)
            var sums = task.biases.layers.map { [Double](repeating: 0, count: $0.count) }
            tape.backpropagate(derivative, into: &sums, workspace: workspace)
            return GradientSums(images: 1, loss: value, gradients: Array(sums.joined()))
        }
        var sums = GradientSums(channels: convolutionLayout.total)
        for result in results { sums.add(result) }
        return sums.payload()
    }

    private func statistics(_ images: [InputPayload]) -> [UInt8] {
        let results = pool.map(images.count) { [float, encoding, nodeLayout] index, workspace in
            NetworkStatistics(
                image: encoding.encode(images[index]),
                inputs: encoding.extrema(
                    of: images[index], counts: float.graph.inputs.map(\.shape.count)),
                executor: float, layout: nodeLayout, workspace: workspace)
        }
        var sum = NetworkStatistics(
            channels: nodeLayout.total, inputs: float.graph.inputs.count)
        for result in results {
            sum.addSums(result)
            sum.widen(result)
        }
        return sum.payload()
    }

    private func histograms(
        _ task: ShardTask, images: [InputPayload], edges: [ActivationRange]
    ) -> [UInt8] {
        let view = RescaledActivations(rescaling: task.rescaling, layout: nodeLayout)
        let results = pool.map(images.count) { [float, encoding] index, workspace in
            ActivationHistograms(
                image: encoding.encode(images[index]), executor: float, view: view, edges: edges,
                workspace: workspace)
        }
        var sum = ActivationHistograms(nodes: float.graph.nodes.count)
        for result in results { sum.add(result) }
        return sum.payload()
    }

    private func measure(
        _ task: ShardTask, images: [InputPayload], _ integer: IntegerExecutor
    ) -> [UInt8] {
        let view = RescaledActivations(rescaling: task.rescaling, layout: nodeLayout)
        let results = pool.map(images.count) {
            [float, encoding, convolutionLayout] index, workspace in
            ErrorSums(
                image: encoding.encode(images[index]), float: float, view: view, integer: integer,
                biases: task.biases, layout: convolutionLayout, workspace: workspace)
        }
        var sum = ErrorSums(channels: convolutionLayout.total)
        for result in results { sum.add(result) }
        return sum.payload()
    }

    private func layerSums(
        _ task: ShardTask, layer: Int, match: Match, images: [InputPayload],
        _ integer: IntegerExecutor
    ) -> [UInt8] {
        let observation = LayerObservation(of: layer, match, in: integer)
        let restingRuns = takeResting(task, layer: layer)
        let results = pool.map(images.count) { [encoding] index, workspace in
            var run =
                restingRuns?[index]
                ?? integer.start(encoding.encode(images[index]), workspace: workspace)
            while run.next < observation.node {
                run.step(biases: task.biases, workspace: workspace)
            }
            let sums = observation.sums(of: &run, biases: task.biases, workspace: workspace)
            return (run, sums)
        }
        resting[task.shard.images] = RestingRuns(
            runs: results.map(\.0), layer: layer, passed: task.biases.layers[..<layer],
            lastRound: task.round)
        var sums = LayerSums(channels: observation.channels, match)
        for (_, image) in results { sums.add(image) }
        return sums.payload()
    }

    private func takeResting(_ task: ShardTask, layer: Int) -> [IntegerRun]? {
        guard let state = resting.removeValue(forKey: task.shard.images) else { return nil }
        if state.layer <= layer, task.biases.layers[..<state.layer] == state.passed {
            return state.runs
        }
        discard(state)
        return nil
    }

    private func dropResting(before round: Int) {
        for (shard, state) in resting where state.lastRound < round {
            discard(state)
            resting[shard] = nil
        }
    }

    private func discard(_ state: RestingRuns) {
        pool.withWorkspace { workspace in
            for var run in state.runs { run.discard(workspace: workspace) }
        }
    }
}

extension Graph {
    /// Whether a network of this graph takes the same images and gives values of the same form,
    /// node by node: whatever lies between two networks relies on that. Clamps may differ, as they
    /// do between scales.
    fileprivate func hasForm(of other: Graph) -> Bool {
        inputs.map(\.shape) == other.inputs.map(\.shape)
            && outputs.map(\.value) == other.outputs.map(\.value)
            && nodes.elementsEqual(other.nodes) {
                $0.operation == $1.operation && $0.inputs == $1.inputs && $0.shape == $1.shape
            }
    }

    /// - Throws: ``CalibrationError`` with code `pooledValues` where a backward pass could not say
    ///   which value was the largest.
    func checkPooledValues() throws(CalibrationError) {
        for node in nodes {
            guard case .maxPool(let window) = node.operation else { continue }
            let count = window.kernelHeight * window.kernelWidth
            guard count <= IntegerKernels.mostIndexedTaps else {
                throw CalibrationError(.pooledValues(count, layer: node.name))
            }
        }
    }
}
