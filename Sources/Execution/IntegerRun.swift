package import Kernels
import NetworkGraph
package import Quantization

/// One image on its way through the integer network. It can rest in front of any node, which is where iterative bias correction waits for
/// the coordinator: in front of the convolution whose bias is sought.
package struct IntegerRun {
    let executor: IntegerExecutor
    var values: LiveValues
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
        guard let requantization = layer.requantization else {
            let sums = accumulate(workspace: workspace)
            finishFloat(sums, biases: biases, workspace: workspace)
            return nil
        }
        let output = workspace.take(byteCount: node.shape.count)
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.run(
            values[node.inputs[0]].bytes, output.bytes, bias: biases.layers[layer.ordinal],
            requantization: requantization, scratch: scratch)
        return advance(output: output, workspace: workspace)
    }

    /// Accumulators of the next node, a convolution; nothing advances.
    /// - Parameters:
    ///   - rows: of its output; nil for all.
    ///   - workspace: of the calling thread.
    /// - Returns: int32, `[pixel][channel]`, without bias; the buffer is the caller's.
    package func accumulate(rows: Range<Int>? = nil, workspace: Workspace) -> AlignedBuffer {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next] else { preconditionFailure("not a convolution") }
        let rows = rows ?? 0..<node.shape.height
        let count = rows.count * node.shape.width * node.shape.channels
        let sums = workspace.take(byteCount: count * MemoryLayout<Int32>.stride)
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.accumulate(
            values[node.inputs[0]].bytes, rows: rows, sums.int32s, scratch: scratch)
        return sums
    }

    /// The quantized input, NHWC; valid before the first step.
    package var input: UnsafePointer<UInt8> { UnsafePointer(values[0].bytes) }

    /// How the next node's accumulators become its 8-bit output; nil where the output stays float.
    package var requantization: Requantization? { executor.layers[next]?.requantization }

    /// Goes on behind a float output whose accumulators are known; takes their buffer.
    mutating func finishFloat(_ sums: AlignedBuffer, biases: BiasState, workspace: Workspace) {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next] else { preconditionFailure("not a convolution") }
        let output = workspace.take(byteCount: node.shape.count * MemoryLayout<Float>.stride)
        IntegerKernels.dequantizeAccumulators(
            sums.int32s, bias: biases.layers[layer.ordinal], scales: layer.scales,
            pixels: node.shape.pixels, channels: node.shape.channels, output.floats)
        FloatKernels.clamp(
            output.floats, count: node.shape.count, clamp: node.clamp, output.floats)
        workspace.give(sums)
        advance(output: output, workspace: workspace)
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
    }
}
