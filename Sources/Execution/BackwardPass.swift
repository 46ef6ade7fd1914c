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
    package let graph: Graph
    /// By value: the output depends on it, and it depends on some bias.
    package let isActive: [Bool]
    /// Peak bytes of gradients alive at once; kernel scratch comes on top.
    package let gradientBytes: Int
    private let isa: InstructionSet
    /// Position among the convolutions, by node.
    private let ordinals: [Int?]
    /// By node; nil where the input's gradient is not needed.
    private let convolutions: [GradientConvolution?]

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
            guard isActive[index + 1], isActive[node.inputs[0]],
                let convolution = node.convolution, let weights = weights[index]
            else { return nil }
            return GradientConvolution(
                input: graph.shape(of: node.inputs[0]), output: node.shape,
                convolution: convolution, weights: weights, isa: isa)
        }
        gradientBytes = Self.peak(graph, isActive)
    }

    private static func activity(_ graph: Graph) -> [Bool] {
        var isRead = [Bool](repeating: false, count: graph.valueCount)
        isRead[graph.output.value] = true
        for (index, node) in graph.nodes.enumerated().reversed() where isRead[index + 1] {
            for value in node.inputs { isRead[value] = true }
        }
        var hasBias = [false]
        for node in graph.nodes {
            hasBias.append(node.convolution != nil || node.inputs.contains { hasBias[$0] })
        }
        return zip(isRead, hasBias).map { $0 && $1 }
    }

    /// The operands of a product whose values its backward pass reads: the other factor of each
    /// that needs a gradient.
    func factors(of node: Node) -> [Int] {
        (0...1).filter { isActive[node.inputs[1 - $0]] }
    }

    /// Follows ``run(_:record:into:workspace:)``.
    private static func peak(_ graph: Graph, _ isActive: [Bool]) -> Int {
        guard isActive[graph.output.value] else { return 0 }
        var bytes = graph.shape(of: graph.output.value).count
        var most = bytes
        var isMet = [Bool](repeating: false, count: graph.valueCount)
        isMet[graph.output.value] = true
        for (index, node) in graph.nodes.enumerated().reversed() where isActive[index + 1] {
            var isKept = true
            for (operand, value) in node.inputs.enumerated() where isActive[value] {
                let count = graph.shape(of: value).count
                if case .localResponseNormalization = node.operation {
                    most = max(most, bytes + (isMet[value] ? 2 : 1) * count)
                }
                if node.handsOn, isMet[value] || operand == node.lastActive(isActive) {
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
    ///   - gradient: of the output, NHWC, as many elements as it has.
    ///   - record: of the image; its buffers are given back.
    ///   - sums: one array per convolution in topological order, one element per output channel;
    ///     pixels are added in order to what they hold.
    ///   - workspace: of the calling thread.
    package func run(
        _ gradient: [Float], record: inout BackwardRecord, into sums: inout [[Double]],
        workspace: Workspace
    ) {
        precondition(gradient.count == graph.shape(of: graph.output.value).count)
        defer { record.discard(workspace: workspace) }
        guard isActive[graph.output.value] else { return }
        var gradients = Gradients(pass: self, workspace: workspace)
        gradients.contribute(to: graph.output.value) { target in
            target.update(from: gradient, count: gradient.count)
        }
        for (index, node) in graph.nodes.enumerated().reversed() where isActive[index + 1] {
            step(index, node, record: record.entries[index], &gradients, into: &sums)
            record.release(index, to: workspace)
        }
    }

    private func step(
        _ index: Int, _ node: Node, record: BackwardRecord.Entry, _ gradients: inout Gradients,
        into sums: inout [[Double]]
    ) {
        let gradient = gradients.take(index + 1)
        let shape = graph.shape(of: node.inputs[0])
        if case .concat = node.operation {
            spread(gradient.floats, over: node, masks: record.masks, &gradients)
            gradients.give(gradient)
            return
        }
        mask(
            gradient.floats, by: record.masks.first ?? nil, shape: node.shape, ordinals[index],
            &sums)
        switch node.operation {
        case .convolution:
            if let kernel = convolutions[index] {
                let scratch = gradients.workspace.scratch(byteCount: kernel.scratchBytes)
                gradients.contribute(to: node.inputs[0]) {
                    kernel.run(gradient.floats, $0, scratch: scratch)
                }
            }
        case .add, .clamp:
            gradients.handOn(gradient, to: node)
            return
        case .maxPool(let window):
            guard let indices = record.indices else { preconditionFailure("no indices") }
            gradients.contribute(to: node.inputs[0]) {
                GradientKernels.maxPool(
                    gradient.floats, indices: indices.uint16s, shape: shape, window: window, $0,
                    isa: isa)
            }
        case .averagePool(let window, let countIncludePad):
            gradients.contribute(to: node.inputs[0]) {
                GradientKernels.averagePool(
                    gradient.floats, shape: shape, window: window,
                    countIncludePad: countIncludePad, $0, isa: isa)
            }
        case .globalAveragePool:
            gradients.contribute(to: node.inputs[0]) {
                GradientKernels.globalAveragePool(gradient.floats, shape: shape, $0, isa: isa)
            }
        case .multiply:
            spread(gradient.floats, overFactorsOf: node, record: record, &gradients)
        case .activation:
            guard let operand = record.operands.first ?? nil else {
                preconditionFailure("no operand")
            }
            gradients.contribute(to: node.inputs[0]) {
                GradientKernels.lookup(
                    gradient.floats, input: operand.values.bytes, count: node.shape.count,
                    slopes: record.slopes, $0, isa: isa)
            }
        case .localResponseNormalization(let lrn):
            guard let operand = record.operands.first ?? nil else {
                preconditionFailure("no operand")
            }
            normalize(gradient.floats, lrn, operand, of: node, &gradients)
        case .concat: break
        }
        gradients.give(gradient)
    }

    /// A product's gradient times the other factor, for each factor.
    private func spread(
        _ gradient: UnsafePointer<Float>, overFactorsOf node: Node, record: BackwardRecord.Entry,
        _ gradients: inout Gradients
    ) {
        let broadcasts = graph.broadcasts(node)
        for (operand, value) in node.inputs.enumerated() where isActive[value] {
            guard let other = record.operands[1 - operand] else {
                preconditionFailure("no operand")
            }
            gradients.contribute(to: value) { target in
                if operand == 1, broadcasts {
                    GradientKernels.multiplySum(
                        gradient, other: other.values.bytes, other.quantization,
                        shape: node.shape, target, isa: isa)
                } else {
                    GradientKernels.multiply(
                        gradient, other: other.values.bytes, other.quantization,
                        shape: node.shape, broadcasts: broadcasts, target, isa: isa)
                }
            }
        }
    }

    private func normalize(
        _ gradient: UnsafePointer<Float>, _ lrn: LocalResponseNormalization,
        _ operand: BackwardRecord.Operand, of node: Node, _ gradients: inout Gradients
    ) {
        let input = gradients.workspace.take(
            byteCount: node.shape.count * MemoryLayout<Float>.stride)
        let scratch = gradients.workspace.scratch(
            byteCount: node.shape.channels * MemoryLayout<Double>.stride)
        IntegerKernels.dequantize(
            operand.values.bytes, count: node.shape.count, scale: operand.quantization.scale,
            zeroPoint: operand.quantization.zeroPoint, input.floats, isa: isa)
        gradients.contribute(to: node.inputs[0]) {
            GradientKernels.localResponseNormalization(
                gradient, lrn, input: input.floats, shape: node.shape, $0,
                scratch: scratch.assumingMemoryBound(to: Double.self), isa: isa)
        }
        gradients.give(input)
    }

    private func mask(
        _ gradient: UnsafeMutablePointer<Float>, by mask: AlignedBuffer?, shape: FeatureShape,
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

    /// Slices of a concatenation's gradient, each with its own mask.
    private func spread(
        _ gradient: UnsafePointer<Float>, over node: Node, masks: [AlignedBuffer?],
        _ gradients: inout Gradients
    ) {
        var source = gradient
        for (operand, value) in node.inputs.enumerated() {
            let channels = graph.shape(of: value).channels
            defer { source += channels }
            guard isActive[value] else { continue }
            gradients.contribute(to: value) { target in
                for pixel in 0..<node.shape.pixels {
                    (target + pixel * channels).update(
                        from: source + pixel * node.shape.channels, count: channels)
                }
                guard let mask = masks.isEmpty ? nil : masks[operand] else { return }
                GradientKernels.mask(
                    target, by: mask.bytes, pixels: node.shape.pixels, channels: channels,
                    sums: nil, isa: isa)
            }
        }
    }

    /// The gradients of one image that some earlier node still waits for.
    fileprivate struct Gradients {
        let pass: BackwardPass
        let workspace: Workspace
        private var buffers: [AlignedBuffer?]

        init(pass: BackwardPass, workspace: Workspace) {
            self.pass = pass
            self.workspace = workspace
            buffers = [AlignedBuffer?](repeating: nil, count: pass.graph.valueCount)
        }

        mutating func take(_ value: ValueID) -> AlignedBuffer {
            guard let buffer = buffers[value] else {
                preconditionFailure("value \(value) is unread")
            }
            buffers[value] = nil
            return buffer
        }

        func give(_ buffer: AlignedBuffer) { workspace.give(buffer) }

        /// Has `compute` write the gradient of a value, or one that is added to what is there.
        mutating func contribute(
            to value: ValueID, _ compute: (UnsafeMutablePointer<Float>) -> Void
        ) {
            let count = pass.graph.shape(of: value).count
            let buffer = workspace.take(byteCount: count * MemoryLayout<Float>.stride)
            compute(buffer.floats)
            guard let present = buffers[value] else {
                buffers[value] = buffer
                return
            }
            add(buffer, to: present, count: count)
            workspace.give(buffer)
        }

        /// Gives every operand of an elementwise node its gradient, the last one by changing hands
        /// where nothing is there yet.
        mutating func handOn(_ gradient: AlignedBuffer, to node: Node) {
            let last = node.lastActive(pass.isActive)
            for (operand, value) in node.inputs.enumerated() where pass.isActive[value] {
                if let present = buffers[value] {
                    add(gradient, to: present, count: node.shape.count)
                } else if operand == last {
                    buffers[value] = gradient
                    return
                } else {
                    contribute(to: value) { target in
                        target.update(from: gradient.floats, count: node.shape.count)
                    }
                }
            }
            workspace.give(gradient)
        }

        private func add(_ buffer: AlignedBuffer, to present: AlignedBuffer, count: Int) {
            FloatKernels.add(
                present.floats, buffer.floats, count: count, clamp: .none, present.floats,
                isa: pass.isa)
        }
    }
}

extension Node {
    /// Whether the gradient of an operand is that of the output.
    fileprivate var handsOn: Bool {
        switch operation {
        case .add, .clamp: true
        default: false
        }
    }

    /// The last operand whose gradient is needed.
    fileprivate func lastActive(_ isActive: [Bool]) -> Int? {
        inputs.lastIndex { isActive[$0] }
    }
}
