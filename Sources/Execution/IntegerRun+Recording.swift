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
        guard gradients.pass.isActive[next + 1] else {
            step(biases: biases, workspace: workspace)
            return BackwardRecord.Entry()
        }
        if let layer = executor.layers[next] {
            return step(
                layer, passing: gradients.passingSums[next], biases: biases, workspace: workspace,
                gradients)
        }
        let node = executor.graph.nodes[next]
        if executor.averagesFloats(next) {
            // Without a quantizer every gradient passes.
            let mask =
                executor.network.activations[next + 1] == nil
                ? nil : workspace.take(byteCount: node.maskBytes)
            average(mask: mask, workspace: workspace)
            return BackwardRecord.Entry(masks: [mask])
        }
        switch node.operation {
        case .concat, .clamp:
            let entry = BackwardRecord.Entry(
                masks: tableMasks(node, gradients, workspace: workspace))
            step(biases: biases, workspace: workspace)
            return entry
        default:
            let output = workspace.take(byteCount: node.shape.count)
            let entry = compute(node, gradients, output: output.bytes, workspace: workspace)
            advance(output: output, workspace: workspace)
            return entry
        }
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
            let channels = executor.graph.shape(of: value).channels
            let pixels = node.shape.pixels
            let mask = workspace.take(
                byteCount: GradientMask.byteCount(pixels: pixels, channels: channels))
            IntegerKernels.lookupMask(
                values[value].bytes, pixels: pixels, channels: channels, table: table,
                mask: mask.bytes, isa: gradients.isa)
            return mask
        }
    }

    /// A copy of an operand, since activations are given back as soon as no later node reads them.
    private func kept(
        _ operand: Int, of node: Node, _ sources: [ByteQuantization], workspace: Workspace
    ) -> BackwardRecord.Operand {
        let count = executor.graph.shape(of: node.inputs[operand]).count
        let copy = workspace.take(byteCount: count)
        copy.bytes.update(from: values[node.inputs[operand]].bytes, count: count)
        return BackwardRecord.Operand(values: copy, quantization: sources[operand])
    }

    /// Additions, products, pools, activations and normalizations.
    private func compute(
        _ node: Node, _ gradients: GradientExecutor, output: UnsafeMutablePointer<UInt8>,
        workspace: Workspace
    ) -> BackwardRecord.Entry {
        let network = executor.network
        let inputs = node.inputs.map { UnsafePointer(values[$0].bytes) }
        let sources = node.inputs.compactMap {
            network.activations[$0].map { ByteQuantization($0) }
        }
        guard sources.count == inputs.count, let to = network.activations[next + 1] else {
            preconditionFailure("'\(node.name)' has no 8-bit input or output")
        }
        let result = ByteQuantization(to, clamp: node.clamp)
        let shape = executor.graph.shape(of: node.inputs[0])
        if case .maxPool(let window) = node.operation {
            let indices = workspace.take(
                byteCount: node.shape.count * MemoryLayout<UInt16>.stride)
            IntegerKernels.maxPool(
                inputs[0], shape: shape, window: window, output, indices: indices.uint16s,
                isa: gradients.isa)
            return BackwardRecord.Entry(indices: indices)
        }
        if case .activation = node.operation {
            executor.computeWithoutWeights(
                next, values: values, output: output, workspace: workspace)
            return BackwardRecord.Entry(
                operands: [kept(0, of: node, sources, workspace: workspace)],
                slopes: gradients.slopes[next])
        }
        let mask = workspace.take(byteCount: node.maskBytes)
        var operands: [BackwardRecord.Operand?] = []
        switch node.operation {
        case .multiply:
            let factors = gradients.pass.factors(of: node)
            operands = (0...1).map {
                factors.contains($0) ? kept($0, of: node, sources, workspace: workspace) : nil
            }
            IntegerKernels.multiply(
                inputs[0], sources[0], inputs[1], sources[1], shape: node.shape,
                broadcasts: executor.graph.broadcasts(node), result: result, clamp: node.clamp,
                output, mask: mask.bytes, isa: gradients.isa)
        case .localResponseNormalization(let lrn):
            operands = [kept(0, of: node, sources, workspace: workspace)]
            let real = executor.normalized(
                lrn, inputs[0], sources[0], shape: node.shape, workspace: workspace)
            IntegerKernels.quantizeMask(
                real.floats, shape: node.shape, result: result, clamp: node.clamp,
                mask: mask.bytes, isa: gradients.isa)
            executor.quantize(real, of: node, result: result, output)
            workspace.give(real)
        case .add:
            IntegerKernels.add(
                inputs[0], sources[0], inputs[1], sources[1], pixels: node.shape.pixels,
                channels: node.shape.channels, result: result, clamp: node.clamp, output,
                mask: mask.bytes, isa: gradients.isa)
        case .averagePool(let window, let countIncludePad):
            IntegerKernels.averagePool(
                inputs[0], sources[0], shape: shape, window: window,
                countIncludePad: countIncludePad, result: result, clamp: node.clamp, output,
                mask: mask.bytes, isa: gradients.isa)
        case .globalAveragePool:
            IntegerKernels.globalAveragePool(
                inputs[0], sources[0], shape: shape, result: result, clamp: node.clamp, output,
                mask: mask.bytes, isa: gradients.isa)
        case .convolution, .concat, .maxPool, .clamp, .activation:
            preconditionFailure("computed elsewhere")
        }
        return BackwardRecord.Entry(masks: [mask], operands: operands)
    }
}
