import Kernels
package import NetworkGraph
package import Quantization

/// One image on its way through the integer network. It can rest in front of any node, or between a convolution's accumulators and
/// its bias, which is where iterative bias correction waits for the coordinator.
package struct IntegerRun {
    let executor: IntegerExecutor
    var values: LiveValues
    var accumulators: AlignedBuffer?
    /// Index of the node that is computed next.
    package private(set) var next = 0

    init(executor: IntegerExecutor, input: UnsafePointer<Float>, workspace: Workspace) {
        self.executor = executor
        let count = executor.graph.input.shape.count
        values = LiveValues(count: executor.graph.valueCount)
        guard let quantization = executor.network.activations[0] else {
            preconditionFailure("8-bit input")
        }
        let buffer = workspace.take(byteCount: count)
        IntegerKernels.quantize(
            input, count: count, scale: quantization.scale,
            zeroPoint: quantization.unsignedZeroPoint, buffer.bytes)
        values[0] = buffer
    }

    /// Computes the next node.
    /// - Returns: its output, NHWC, valid until the following step; nil for a float output.
    @discardableResult
    package mutating func step(biases: BiasState, workspace: Workspace) -> UnsafePointer<UInt8>? {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next] else {
            let output = workspace.take(byteCount: node.shape.count)
            executor.computeWithoutWeights(
                next, values: values, output: output.bytes, workspace: workspace)
            return advance(output: output, workspace: workspace)
        }
        if accumulators != nil || layer.requantization == nil {
            accumulate(workspace: workspace)
            return applyBias(biases, workspace: workspace)
        }
        guard let requantization = layer.requantization else { return nil }
        let output = workspace.take(byteCount: node.shape.count)
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.run(
            values[node.inputs[0]].bytes, output.bytes, bias: biases.layers[layer.ordinal],
            requantization: requantization, scratch: scratch)
        return advance(output: output, workspace: workspace)
    }

    /// Computes the accumulators of the next node, a convolution, and keeps them. Does nothing if they are there.
    /// - Returns: int32, `[pixel][channel]`, without bias.
    @discardableResult
    package mutating func accumulate(workspace: Workspace) -> UnsafePointer<Int32> {
        if let accumulators { return UnsafePointer(accumulators.int32s) }
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next] else { preconditionFailure("not a convolution") }
        let buffer = workspace.take(byteCount: node.shape.count * MemoryLayout<Int32>.stride)
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.accumulate(values[node.inputs[0]].bytes, buffer.int32s, scratch: scratch)
        // The input stays until the bias is settled: it costs a quarter of the accumulators, and the run keeps one shape.
        accumulators = buffer
        return UnsafePointer(buffer.int32s)
    }

    /// The quantized input, NHWC; valid before the first step.
    package var input: UnsafePointer<UInt8> { UnsafePointer(values[0].bytes) }

    /// The node that is computed next.
    package var nextNode: Node { executor.graph.nodes[next] }

    /// What ``accumulate(workspace:)`` stored.
    package var restingAccumulators: UnsafePointer<Int32> {
        guard let accumulators else { preconditionFailure("no accumulators") }
        return UnsafePointer(accumulators.int32s)
    }

    /// The 8-bit output the stored accumulators give with these biases, written to `output`; nothing advances.
    package func preview(biases: BiasState, output: UnsafeMutablePointer<UInt8>) {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next], let requantization = layer.requantization,
            let accumulators
        else { preconditionFailure("no accumulators to preview") }
        IntegerKernels.requantize(
            accumulators.int32s, bias: biases.layers[layer.ordinal],
            requantization: requantization, pixels: node.shape.pixels,
            channels: node.shape.channels, output)
    }

    /// Adds the channels of ``preview(biases:output:)`` up.
    package func previewSums(biases: BiasState, sums: inout [Int64]) {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next], let requantization = layer.requantization else {
            preconditionFailure("no 8-bit output to preview")
        }
        StatisticsKernels.requantizedSums(
            restingAccumulators, bias: biases.layers[layer.ordinal],
            requantization: requantization, pixels: node.shape.pixels,
            channels: node.shape.channels, sums: &sums)
    }

    /// Turns the stored accumulators into the node's output.
    private mutating func applyBias(
        _ biases: BiasState, workspace: Workspace
    ) -> UnsafePointer<UInt8>? {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next], let buffer = accumulators else {
            preconditionFailure("no accumulators")
        }
        let isFloat = layer.requantization == nil
        let output = workspace.take(byteCount: node.shape.count * (isFloat ? 4 : 1))
        if isFloat {
            IntegerKernels.dequantizeAccumulators(
                buffer.int32s, bias: biases.layers[layer.ordinal], scales: layer.scales,
                pixels: node.shape.pixels, channels: node.shape.channels, output.floats)
            FloatKernels.clamp(
                output.floats, count: node.shape.count, clamp: node.clamp, output.floats)
        } else {
            preview(biases: biases, output: output.bytes)
        }
        accumulators = nil
        workspace.give(buffer)
        let bytes = advance(output: output, workspace: workspace)
        return isFloat ? nil : bytes
    }

    @discardableResult
    mutating func advance(
        output: AlignedBuffer, workspace: Workspace
    ) -> UnsafePointer<UInt8> {
        values[next + 1] = output
        values.release(
            after: next, graph: executor.graph, lastUses: executor.lastUses, to: workspace)
        next += 1
        return UnsafePointer(output.bytes)
    }

    /// The network's output as real values; gives all buffers back.
    package mutating func finish(biases: BiasState, workspace: Workspace) -> [Float] {
        precondition(next == executor.graph.nodes.count)
        let value = executor.graph.output.value
        let count = executor.graph.shape(of: value).count
        let buffer = values[value]
        defer { discard(workspace: workspace) }
        guard let quantization = executor.network.activations[value] else {
            return [Float](UnsafeBufferPointer(start: buffer.floats, count: count))
        }
        return [Float](unsafeUninitializedCapacity: count) { result, initialized in
            guard let base = result.baseAddress else { return }
            IntegerKernels.dequantize(
                buffer.bytes, count: count, scale: quantization.scale,
                zeroPoint: quantization.unsignedZeroPoint, base)
            initialized = count
        }
    }

    /// Gives all buffers back to the workspace.
    package mutating func discard(workspace: Workspace) {
        values.releaseAll(to: workspace)
        if let accumulators { workspace.give(accumulators) }
        accumulators = nil
    }
}
