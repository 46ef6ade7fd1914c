// SPDX-License-Identifier: Apache-2.0

package import Kernels
package import NetworkGraph

/// Runs the float network, one image at a time, under the numerics contract.
///
/// Weights are packed once; `run` values hold the state of one image. An executor may be used by
/// many threads.
package final class FloatExecutor: Sendable {
    /// Of the network that it runs.
    package let graph: Graph
    let lastUses: [Int]
    private let convolutions: [FloatConvolution?]
    private let executables: [(any ExecutableOperator)?]
    /// By node: its result is its only operand, which nothing later reads.
    fileprivate let handsOn: [Bool]
    /// By the first of two nodes that one call computes, the second being the only reader.
    fileprivate let pairs: [Int: FloatConvolutionPair]

    /// Packs the weights of all convolutions.
    package init(_ network: FloatNetwork) {
        graph = network.graph
        lastUses = network.graph.lastUses
        let graph = network.graph
        let convolutions = graph.nodes.enumerated().map { index, node -> FloatConvolution? in
            guard let convolution = node.convolution, let parameters = network.parameters[index]
            else {
                return nil
            }
            return FloatConvolution(
                input: graph.shape(of: node.inputs[0]), output: node.shape,
                convolution: convolution, weights: parameters.weights, bias: parameters.bias,
                clamp: node.clamp)
        }
        self.convolutions = convolutions
        executables = graph.nodes.map(\.operation.executable)
        handsOn = graph.handsOn
        let consumers = graph.consumers
        pairs = graph.nodes.indices.reduce(into: [:]) { pairs, node in
            let value = graph.value(of: node)
            guard consumers[value] == [node + 1], !graph.isOutput(value),
                let first = convolutions[node], let second = convolutions[node + 1],
                let pair = FloatConvolutionPair(first, second), pair.isFaster
            else { return }
            pairs[node] = pair
        }
    }

    /// Starts one image.
    /// - Parameters:
    ///   - input: NHWC, all inputs one after the other, `graph.inputCount` elements; copied.
    ///   - workspace: of the calling thread.
    /// - Returns: a run in front of the first node.
    package func start(_ input: UnsafePointer<Float>, workspace: Workspace) -> FloatRun {
        FloatRun(executor: self, input: input, workspace: workspace)
    }

    /// Runs one image to the end.
    /// - Returns: the outputs, one after the other, NHWC.
    package func run(_ input: UnsafePointer<Float>, workspace: Workspace) -> [Float] {
        var run = start(input, workspace: workspace)
        while run.next < graph.nodes.count { run.advance(workspace: workspace, statistics: nil) }
        return run.finish(workspace: workspace)
    }

    fileprivate func compute(
        _ index: Int, values: LiveValues, output: UnsafeMutablePointer<Float>,
        statistics: ChannelStatistics?, workspace: Workspace
    ) {
        let node = graph.nodes[index]
        if let kernel = convolutions[index] {
            kernel.run(
                UnsafePointer(values[node.inputs[0]].floats), output, statistics: statistics,
                scratch: workspace.scratch(byteCount: kernel.scratchBytes))
            return
        }
        guard let executable = executables[index] else { preconditionFailure("no weights") }
        if !handsOn[index] {
            executable.computeFloats(
                FloatCall(
                    shapes: node.inputs.map(graph.shape(of:)),
                    operands: node.inputs.map { UnsafePointer(values[$0].floats) },
                    shape: node.shape, clamp: statistics == nil ? node.clamp : .none,
                    output: output))
        }
        if let statistics {
            StatisticsKernels.floatStatistics(
                output, clamp: node.clamp, pixels: node.shape.pixels,
                channels: node.shape.channels, into: statistics)
        }
    }
}

extension Graph {
    /// By node: whether its result is its only operand as it lies in memory, and nothing later
    /// reads that.
    var handsOn: [Bool] {
        let lastUses = lastUses
        return nodes.enumerated().map { index, node in
            node.operation.executable?.keepsMemory == true && node.clamp == .none
                && node.inputs.count == 1 && lastUses[node.inputs[0]] == index
        }
    }
}

/// One image on its way through the float network.
package struct FloatRun {
    let executor: FloatExecutor
    private var values: LiveValues
    /// Index of the node that `step` computes.
    package private(set) var next = 0

    fileprivate init(executor: FloatExecutor, input: UnsafePointer<Float>, workspace: Workspace) {
        self.executor = executor
        let graph = executor.graph
        values = LiveValues(count: graph.valueCount)
        var offset = 0
        for (value, end) in graph.inputs.enumerated() {
            let count = end.shape.count
            let buffer = workspace.take(byteCount: count * MemoryLayout<Float>.stride)
            buffer.floats.update(from: input + offset, count: count)
            values[value] = buffer
            offset += count
        }
    }

    /// Computes the next node, clamp included.
    /// - Returns: its output, NHWC, valid until the following step.
    @discardableResult
    package mutating func step(workspace: Workspace) -> UnsafePointer<Float> {
        step(workspace: workspace, statistics: nil)
    }

    @discardableResult
    private mutating func step(
        workspace: Workspace, statistics: ChannelStatistics?
    ) -> UnsafePointer<Float> {
        let node = executor.graph.nodes[next]
        let result = executor.graph.value(of: next)
        let output =
            executor.handsOn[next]
            ? values[node.inputs[0]]
            : workspace.take(byteCount: node.shape.count * MemoryLayout<Float>.stride)
        executor.compute(
            next, values: values, output: output.floats, statistics: statistics,
            workspace: workspace)
        if executor.handsOn[next] {
            values.handOn(node.inputs[0], to: result)
        } else {
            values[result] = output
        }
        values.release(
            after: next, graph: executor.graph, lastUses: executor.lastUses, to: workspace)
        next += 1
        return UnsafePointer(output.floats)
    }

    /// Computes the next node, or the next two where that is faster.
    /// - Parameters:
    ///   - workspace: of the calling thread.
    ///   - statistics: where those of a node's output are added; nil computes none.
    package mutating func advance(
        workspace: Workspace, statistics: ((_ node: Int) -> ChannelStatistics)?
    ) {
        guard let pair = executor.pairs[next] else {
            step(workspace: workspace, statistics: statistics?(next))
            return
        }
        let (graph, last) = (executor.graph, next + 1)
        let count = graph.nodes[last].shape.count
        let output = workspace.take(byteCount: count * MemoryLayout<Float>.stride)
        pair.run(
            UnsafePointer(values[graph.nodes[next].inputs[0]].floats), output.floats,
            statistics: statistics.map { ($0(next), $0(last)) },
            scratch: workspace.scratch(byteCount: pair.scratchBytes))
        values[graph.value(of: last)] = output
        for node in next...last {
            values.release(
                after: node, graph: graph, lastUses: executor.lastUses, to: workspace)
        }
        next = last + 1
    }

    /// The network's outputs, one after the other; gives all buffers back.
    package mutating func finish(workspace: Workspace) -> [Float] {
        let graph = executor.graph
        precondition(next == graph.nodes.count)
        var result: [Float] = []
        result.reserveCapacity(graph.outputCount)
        for output in graph.outputs {
            result += UnsafeBufferPointer(
                start: values[output.value].floats, count: graph.shape(of: output.value).count)
        }
        values.releaseAll(to: workspace)
        return result
    }
}
