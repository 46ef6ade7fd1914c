// SPDX-License-Identifier: Apache-2.0

package import Kernels
import NetworkGraph
package import Quantization

/// One image on its way through the integer network. It can rest in front of any node, which is
/// where iterative bias correction waits for the coordinator: in front of the convolution whose
/// bias is sought.
package struct IntegerRun {
    let executor: IntegerExecutor
    var values: LiveValues
    /// Index of the node that is computed next.
    package private(set) var next = 0
    /// All accumulators of that node, where ``observe(rowsAtATime:workspace:_:)`` left them.
    private var kept: AlignedBuffer?

    init(executor: IntegerExecutor, input: UnsafePointer<Float>, workspace: Workspace) {
        self.executor = executor
        let graph = executor.graph
        values = LiveValues(count: graph.valueCount)
        var offset = 0
        for (value, end) in graph.inputs.enumerated() {
            guard let quantization = executor.network.activations[value] else {
                preconditionFailure("8-bit input")
            }
            let count = end.shape.count
            let buffer = workspace.take(byteCount: count)
            IntegerKernels.quantize(
                input + offset, count: count, scale: quantization.scale,
                zeroPoint: quantization.unsignedZeroPoint, buffer.bytes)
            values[value] = buffer
            offset += count
        }
    }

    /// Computes the next node.
    /// - Returns: its output, NHWC, valid until the following step; nil for a float output.
    @discardableResult
    package mutating func step(biases: BiasState, workspace: Workspace) -> UnsafePointer<UInt8>? {
        let node = executor.graph.nodes[next]
        guard let layer = executor.layers[next] else {
            if executor.handsOn[next] { return stepByHandingOn(workspace: workspace) }
            if executor.runsInFloat(next) { return stepInFloat(workspace: workspace) }
            let output = workspace.take(byteCount: node.shape.count)
            executor.compute(next, values: values, output: output.bytes)
            return advance(output: output, workspace: workspace)
        }
        guard let requantization = layer.requantization else {
            let sums = takeKept() ?? accumulate(workspace: workspace)
            finishFloat(sums, biases: biases, workspace: workspace)
            return nil
        }
        let output = workspace.take(byteCount: node.shape.count)
        if let sums = takeKept() {
            IntegerKernels.requantize(
                sums.int32s, bias: biases.layers[layer.ordinal], requantization: requantization,
                pixels: node.shape.pixels, channels: node.shape.channels, output.bytes)
            workspace.give(sums)
            return advance(output: output, workspace: workspace)
        }
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.run(
            values[node.inputs[0]].bytes, output.bytes, bias: biases.layers[layer.ordinal],
            requantization: requantization, scratch: scratch)
        return advance(output: output, workspace: workspace)
    }

    /// Makes the next node's only operand its result.
    @discardableResult
    mutating func stepByHandingOn(workspace: Workspace) -> UnsafePointer<UInt8>? {
        let result = executor.graph.value(of: next)
        values.handOn(executor.graph.nodes[next].inputs[0], to: result)
        let output = values[result]
        advance(output: output, workspace: workspace)
        return executor.network.activations[result] == nil ? nil : UnsafePointer(output.bytes)
    }

    /// Computes the next node in float.
    /// - Parameters:
    ///   - mask: where the gradient's mask goes; nil needs none.
    ///   - isa: of the mask.
    ///   - workspace: of the calling thread.
    /// - Returns: as ``step(biases:workspace:)``.
    @discardableResult
    mutating func stepInFloat(
        mask: AlignedBuffer? = nil, isa: InstructionSet = .current, workspace: Workspace
    ) -> UnsafePointer<UInt8>? {
        let node = executor.graph.nodes[next]
        let real = executor.computeFloats(next, values: values, workspace: workspace)
        guard let to = executor.network.activation(ofNode: next) else {
            advance(output: real, workspace: workspace)
            return nil
        }
        let result = ByteQuantization(to, clamp: node.clamp)
        if let mask {
            IntegerKernels.quantizeMask(
                real.floats, shape: node.shape, result: result, clamp: node.clamp,
                mask: mask.bytes, isa: isa)
        }
        let output = workspace.take(byteCount: node.shape.count)
        executor.quantize(real, of: node, result: result, output.bytes)
        workspace.give(real)
        return advance(output: output, workspace: workspace)
    }

    /// The value computed last, where it is float: NHWC, valid until the following step.
    package var floats: UnsafePointer<Float>? {
        guard next > 0, executor.network.activation(ofNode: next - 1) == nil else { return nil }
        return UnsafePointer(values[executor.graph.value(of: next - 1)].floats)
    }

    /// Accumulators of the next node, a convolution; nothing advances.
    /// - Returns: int32, `[pixel][channel]`, without bias; the buffer is the caller's.
    package func accumulate(workspace: Workspace) -> AlignedBuffer {
        let shape = executor.graph.nodes[next].shape
        let sums = workspace.take(byteCount: shape.count * MemoryLayout<Int32>.stride)
        accumulate(rows: 0..<shape.height, sums.int32s, workspace: workspace)
        return sums
    }

    /// Accumulators of the next node, a convolution, some output rows after the other; nothing
    /// advances, but what took long to compute is kept for the step.
    /// - Parameters:
    ///   - rowsAtATime: output rows that come together, at least 1.
    ///   - workspace: of the calling thread.
    ///   - body: takes int32, `[pixel][channel]`, without bias, valid during the call; and how many
    ///     pixels they are of.
    package mutating func observe(
        rowsAtATime: Int, workspace: Workspace,
        _ body: (_ accumulators: UnsafePointer<Int32>, _ pixels: Int) -> Void
    ) {
        let shape = executor.graph.nodes[next].shape
        let reduction = executor.layers[next]?.kernel.reduction ?? 0
        let keeps =
            reduction >= executor.keptReduction && shape.count <= IntegerExecutor.mostKept
        let row = shape.width * shape.channels
        let most = keeps ? shape.height : min(rowsAtATime, shape.height)
        let isKnown = kept != nil
        let buffer = kept ?? workspace.take(byteCount: most * row * MemoryLayout<Int32>.stride)
        for first in stride(from: 0, to: shape.height, by: rowsAtATime) {
            let rows = first..<min(first + rowsAtATime, shape.height)
            let sums = buffer.int32s + (keeps ? first * row : 0)
            if !isKnown { accumulate(rows: rows, sums, workspace: workspace) }
            body(sums, rows.count * shape.width)
        }
        if keeps {
            kept = buffer
        } else {
            workspace.give(buffer)
        }
    }

    private func accumulate(
        rows: Range<Int>, _ sums: UnsafeMutablePointer<Int32>, workspace: Workspace
    ) {
        guard let layer = executor.layers[next] else { preconditionFailure("not a convolution") }
        layer.kernel.accumulate(
            values[executor.graph.nodes[next].inputs[0]].bytes, rows: rows, sums,
            scratch: workspace.scratch(byteCount: layer.kernel.scratchBytes))
    }

    private mutating func takeKept() -> AlignedBuffer? {
        defer { kept = nil }
        return kept
    }

    /// A quantized input, NHWC; valid before the first step.
    package func input(_ index: Int) -> UnsafePointer<UInt8> { UnsafePointer(values[index].bytes) }

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
        precondition(kept == nil, "accumulators of a node that is passed")
        values[executor.graph.value(of: next)] = output
        values.release(
            after: next, graph: executor.graph, lastUses: executor.lastUses, to: workspace)
        next += 1
        return UnsafePointer(output.bytes)
    }

    /// The network's outputs as real values, one after the other; gives all buffers back.
    package mutating func finish(workspace: Workspace) -> [Float] {
        let graph = executor.graph
        precondition(next == graph.nodes.count)
        defer { discard(workspace: workspace) }
        return [Float](unsafeUninitializedCapacity: graph.outputCount) { result, initialized in
            guard var target = result.baseAddress else { return }
            for output in graph.outputs {
                let count = graph.shape(of: output.value).count
                let buffer = values[output.value]
                if let quantization = executor.network.activations[output.value] {
                    IntegerKernels.dequantize(
                        buffer.bytes, count: count, scale: quantization.scale,
                        zeroPoint: quantization.unsignedZeroPoint, target)
                } else {
                    target.initialize(from: buffer.floats, count: count)
                }
                target += count
                initialized += count
            }
        }
    }

    /// Gives all buffers back to the workspace.
    package mutating func discard(workspace: Workspace) {
        values.releaseAll(to: workspace)
        if let kept = takeKept() { workspace.give(kept) }
    }
}
