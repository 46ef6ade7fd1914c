// SPDX-License-Identifier: Apache-2.0

package import Kernels
package import NetworkGraph

/// The backward pass over a graph: from the gradient of the output to those of all biases.
///
/// It knows weights and structure; where gradients pass comes from the ``BackwardRecord`` of an
/// image. Weights are packed once; any number of threads may run it. Nodes are visited in reverse
/// order. The gradient of a value that several operands read is added up as it is met: the gradient
/// given for the output first, then readers from the last node to the first, operands of one node
/// in order.
package final class BackwardPass: Sendable {
    /// Of the network whose biases get gradients.
    package let graph: Graph
    /// By value: an output depends on it, and it depends on some bias.
    package let isActive: [Bool]
    /// Peak bytes of gradients alive at once; kernel scratch comes on top.
    package let gradientBytes: Int
    let isa: InstructionSet
    /// Position among the convolutions, by node.
    private let ordinals: [Int?]
    /// By node; nil where the input's gradient is not needed.
    private let convolutions: [GradientConvolution?]
    private let executables: [(any ExecutableOperator)?]

    /// - Parameters:
    ///   - graph: of the network.
    ///   - weights: of each node, `[outputChannels, kernelHeight, kernelWidth, inputChannels /
    ///     groups]`; nil where it is not a convolution.
    ///   - isa: to run on; every choice gives the same bits.
    package init(graph: Graph, weights: [[Float]?], isa: InstructionSet = .current) {
        precondition(weights.count == graph.nodes.count)
        let isActive = Self.activity(graph)
        self.graph = graph
        self.isActive = isActive
        self.isa = isa
        var count = 0
        ordinals = graph.nodes.map { node in
            if node.convolution == nil { return nil }
            defer { count += 1 }
            return count
        }
        convolutions = graph.nodes.enumerated().map { index, node in
            guard isActive[graph.value(of: index)], isActive[node.inputs[0]],
                let convolution = node.convolution, let weights = weights[index]
            else { return nil }
            return GradientConvolution(
                input: graph.shape(of: node.inputs[0]), output: node.shape,
                convolution: convolution, weights: weights, isa: isa)
        }
        executables = graph.nodes.map(\.operation.executable)
        gradientBytes = Self.peak(graph, isActive)
    }

    private static func activity(_ graph: Graph) -> [Bool] {
        var isRead = [Bool](repeating: false, count: graph.valueCount)
        for output in graph.outputs { isRead[output.value] = true }
        for (index, node) in graph.nodes.enumerated().reversed()
        where isRead[graph.value(of: index)] {
            for value in node.inputs { isRead[value] = true }
        }
        var hasBias = [Bool](repeating: false, count: graph.inputs.count)
        for node in graph.nodes {
            hasBias.append(node.convolution != nil || node.inputs.contains { hasBias[$0] })
        }
        return zip(isRead, hasBias).map { $0 && $1 }
    }

    /// Follows ``run(_:record:into:workspace:)``.
    private static func peak(_ graph: Graph, _ isActive: [Bool]) -> Int {
        var bytes = 0
        var most = 0
        var isMet = [Bool](repeating: false, count: graph.valueCount)
        for output in graph.outputs where isActive[output.value] {
            let count = graph.shape(of: output.value).count
            most = max(most, bytes + count)
            if !isMet[output.value] { bytes += count }
            isMet[output.value] = true
        }
        for (index, node) in graph.nodes.enumerated().reversed()
        where isActive[graph.value(of: index)] {
            var isKept = true
            let executable = node.operation.executable
            let scratch = (executable?.backwardScratch ?? 0) * node.shape.count
            for (operand, value) in node.inputs.enumerated() where isActive[value] {
                let count = graph.shape(of: value).count
                if scratch > 0 { most = max(most, bytes + scratch + (isMet[value] ? count : 0)) }
                if executable?.handsGradientOn == true,
                    isMet[value] || operand == node.lastActive(isActive)
                {
                    // The gradient is added, or becomes the operand's.
                    if !isMet[value] { isKept = false }
                } else if isMet[value] {
                    most = max(most, bytes + count)
                } else {
                    bytes += count
                    most = max(most, bytes)
                }
                isMet[value] = true
            }
            if isKept { bytes -= node.shape.count }
        }
        return most * MemoryLayout<Float>.stride
    }

    /// Adds the gradients of all biases to `sums`.
    /// - Parameters:
    ///   - gradient: of the outputs, one after the other, `graph.outputCount` elements, NHWC.
    ///   - record: of the image; its buffers are given back.
    ///   - sums: one array per convolution in topological order, one element per output channel;
    ///     pixels are added in order to what they hold.
    ///   - workspace: of the calling thread.
    package func run(
        _ gradient: [Float], record: inout BackwardRecord, into sums: inout [[Double]],
        workspace: Workspace
    ) {
        precondition(gradient.count == graph.outputCount)
        defer { record.discard(workspace: workspace) }
        let gradients = GradientBuffers(pass: self, workspace: workspace)
        var offset = 0
        for output in graph.outputs {
            let count = graph.shape(of: output.value).count
            defer { offset += count }
            guard isActive[output.value] else { continue }
            gradients.contribute(to: output.value) { target in
                for index in 0..<count { target[index] = gradient[offset + index] }
            }
        }
        for (index, node) in graph.nodes.enumerated().reversed()
        where isActive[graph.value(of: index)] {
            step(index, node, record: record.entries[index], gradients, into: &sums)
            record.release(index, to: workspace)
        }
    }

    private func step(
        _ index: Int, _ node: Node, record: BackwardRecord.Entry, _ gradients: GradientBuffers,
        into sums: inout [[Double]]
    ) {
        let gradient = gradients.take(graph.value(of: index))
        let executable = executables[index]
        if executable?.mask != .operands || executable?.handsGradientOn == true {
            mask(
                gradient.floats, by: record.masks.first ?? nil, shape: node.shape,
                ordinals[index], &sums)
        }
        guard let executable else {
            if let kernel = convolutions[index] {
                let scratch = gradients.workspace.scratch(byteCount: kernel.scratchBytes)
                gradients.contribute(to: node.inputs[0]) {
                    kernel.run(gradient.floats, $0, scratch: scratch)
                }
            }
            gradients.give(gradient)
            return
        }
        if executable.handsGradientOn {
            gradients.handOn(gradient, to: node)
            return
        }
        executable.propagate(
            BackwardCall(
                shapes: node.inputs.map(graph.shape(of:)), inputs: node.inputs,
                needsGradient: node.inputs.map { isActive[$0] }, shape: node.shape,
                gradient: gradient.floats, record: record, isa: isa,
                workspace: gradients.workspace, gradients: gradients))
        gradients.give(gradient)
    }

    private func mask(
        _ gradient: UnsafeMutablePointer<Float>, by mask: AlignedBuffer?, shape: TensorShape,
        _ ordinal: Int?, _ sums: inout [[Double]]
    ) {
        let bits = mask.map { UnsafePointer($0.bytes) }
        guard let ordinal else {
            if bits == nil { return }
            GradientKernels.mask(
                gradient, by: bits, pixels: shape.pixels, channels: shape.channels, sums: nil,
                isa: isa)
            return
        }
        precondition(sums[ordinal].count == shape.channels)
        GradientKernels.mask(
            gradient, by: bits, pixels: shape.pixels, channels: shape.channels,
            sums: &sums[ordinal], isa: isa)
    }
}

extension Node {
    /// The last operand whose gradient is needed.
    func lastActive(_ isActive: [Bool]) -> Int? { inputs.lastIndex { isActive[$0] } }
}
