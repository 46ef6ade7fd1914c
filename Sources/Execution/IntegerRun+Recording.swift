// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import Quantization

extension IntegerRun {
    /// Computes the next node as ``step(biases:workspace:)`` does, and what its backward pass
    /// needs.
    mutating func step(
        recordingFor gradients: GradientExecutor, biases: BiasState, workspace: Workspace
    ) -> BackwardRecord.Entry {
        guard gradients.pass.isActive[executor.graph.value(of: next)] else {
            step(biases: biases, workspace: workspace)
            return BackwardRecord.Entry()
        }
        if let layer = executor.layers[next] {
            return step(
                layer, passing: gradients.passingSums[next], biases: biases, workspace: workspace,
                gradients)
        }
        return stepWithoutWeights(gradients, workspace: workspace)
    }

    /// A node without weights: its masks, indices and copies of operands are taken here, and filled
    /// by its operator.
    private mutating func stepWithoutWeights(
        _ gradients: GradientExecutor, workspace: Workspace
    ) -> BackwardRecord.Entry {
        let node = executor.graph.nodes[next]
        guard let executable = executor.executables[next] else {
            preconditionFailure("no weights")
        }
        if executor.handsOn[next] {
            stepByHandingOn(workspace: workspace)
            return BackwardRecord.Entry()
        }
        var entry = BackwardRecord.Entry(slopes: gradients.slopes[next])
        let kept = executable.keptOperands(node.inputs.map { gradients.pass.isActive[$0] })
        if !kept.isEmpty {
            entry.operands = node.inputs.indices.map {
                kept.contains($0) ? copy(of: node.inputs[$0], workspace: workspace) : nil
            }
        }
        if executor.runsInFloat(next) {
            // Without a quantizer every gradient passes.
            let mask =
                executor.network.activation(ofNode: next) == nil
                ? nil : workspace.take(byteCount: node.maskBytes)
            entry.masks = [mask]
            stepInFloat(mask: mask, isa: gradients.isa, workspace: workspace)
            return entry
        }
        switch executable.mask {
        case .none: break
        case .result: entry.masks = [workspace.take(byteCount: node.maskBytes)]
        case .operands: entry.masks = tableMasks(node, gradients, workspace: workspace)
        }
        if executable.keepsIndices {
            entry.indices = workspace.take(
                byteCount: node.shape.count * MemoryLayout<UInt16>.stride)
        }
        let output = workspace.take(byteCount: node.shape.count)
        executor.compute(
            next, values: values, output: output.bytes,
            mask: executable.mask == .result ? entry.masks[0] : nil, indices: entry.indices,
            isa: gradients.isa)
        advance(output: output, workspace: workspace)
        return entry
    }

    private mutating func step(
        _ layer: IntegerExecutor.Layer, passing: PassingSums?, biases: BiasState,
        workspace: Workspace, _ gradients: GradientExecutor
    ) -> BackwardRecord.Entry {
        guard let passing else {
            step(biases: biases, workspace: workspace)
            return BackwardRecord.Entry()
        }
        let node = executor.graph.nodes[next]
        let bias = biases.layers[layer.ordinal]
        let mask = workspace.take(byteCount: node.maskBytes)
        let entry = BackwardRecord.Entry(masks: [mask])
        guard let requantization = layer.requantization else {
            let sums = accumulate(workspace: workspace)
            IntegerKernels.accumulatorMask(
                sums.int32s, bias: bias, passing: passing, pixels: node.shape.pixels,
                mask: mask.bytes, isa: gradients.isa)
            finishFloat(sums, biases: biases, workspace: workspace)
            return entry
        }
        let output = workspace.take(byteCount: node.shape.count)
        let scratch = workspace.scratch(byteCount: layer.kernel.scratchBytes)
        layer.kernel.run(
            values[node.inputs[0]].bytes, output.bytes, bias: bias,
            requantization: requantization, passing: passing, mask: mask.bytes, scratch: scratch)
        advance(output: output, workspace: workspace)
        return entry
    }

    /// One per operand of a concatenation or clamp.
    private func tableMasks(
        _ node: Node, _ gradients: GradientExecutor, workspace: Workspace
    ) -> [AlignedBuffer?] {
        zip(node.inputs, gradients.passingTables[next]).map { value, table in
            guard let table else { return nil }
            let shape = executor.graph.shape(of: value)
            let (pixels, channels) = (shape.pixels, shape.channels)
            let mask = workspace.take(
                byteCount: GradientMask.byteCount(pixels: pixels, channels: channels))
            IntegerKernels.lookupMask(
                values[value].bytes, pixels: pixels, channels: channels, table: table,
                mask: mask.bytes, isa: gradients.isa)
            return mask
        }
    }

    /// A copy of an operand, since activations are given back as soon as no later node reads them.
    private func copy(of value: ValueID, workspace: Workspace) -> BackwardRecord.Operand {
        guard let quantization = executor.network.activations[value] else {
            preconditionFailure("value \(value) is float")
        }
        let count = executor.graph.shape(of: value).count
        let copy = workspace.take(byteCount: count)
        copy.bytes.update(from: values[value].bytes, count: count)
        return BackwardRecord.Operand(values: copy, quantization: ByteQuantization(quantization))
    }
}
