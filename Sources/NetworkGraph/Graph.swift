// SPDX-License-Identifier: Apache-2.0

/// A value of the graph: 0 is the network's input, k > 0 the output of `nodes[k - 1]`.
package typealias ValueID = Int

/// One operation, followed by its clamp.
package struct Node: Hashable, Sendable, Codable {
    /// Name in the ONNX file, or the name of its output tensor where the file gives none. Unique.
    package var name: String
    package var operation: Operation
    /// Values read, in operand order; all precede this node.
    package var inputs: [ValueID]
    /// Applied to the result: a folded Relu or Clip.
    package var clamp: Clamp
    /// Output, per image.
    package var shape: FeatureShape

    package init(
        name: String, operation: Operation, inputs: [ValueID], clamp: Clamp = .none,
        shape: FeatureShape
    ) {
        self.name = name
        self.operation = operation
        self.inputs = inputs
        self.clamp = clamp
        self.shape = shape
    }

    package var convolution: Convolution? {
        if case .convolution(let convolution) = operation { convolution } else { nil }
    }
}

/// A convolutional network after folding: structure without weights, nodes in topological order,
/// NHWC.
package struct Graph: Hashable, Sendable, Codable {
    /// How a tensor's axes are ordered in the ONNX file.
    package enum Layout: String, Hashable, Sendable, Codable { case nchw, nhwc }

    /// The network's one input, as the ONNX file declares it.
    package struct Input: Hashable, Sendable, Codable {
        package var name: String
        package var shape: FeatureShape
        package var layout: Layout
        /// Fixed batch size of the file; nil when it is symbolic.
        package var batch: Int?

        package init(name: String, shape: FeatureShape, layout: Layout, batch: Int? = nil) {
            self.name = name
            self.shape = shape
            self.layout = layout
            self.batch = batch
        }
    }

    /// What an ONNX file computes in float from the logits, over the channels, before it gives them
    /// out. It is kept in files and runs nowhere here: whatever is compared, corrected or tuned is
    /// the logits.
    package enum OutputFunction: String, Hashable, Sendable, Codable {
        case softmax = "Softmax"
        case logSoftmax = "LogSoftmax"
    }

    /// The network's one output.
    package struct Output: Hashable, Sendable, Codable {
        package var name: String
        /// The logits.
        package var value: ValueID
        /// Axes of the tensor in the ONNX file, batch included: 2 for `[N, classes]`, 4 for feature
        /// maps.
        package var rank: Int
        package var layout: Layout
        /// Between the value and the tensor in the file; nil where they are the same.
        package var function: OutputFunction?

        package init(
            name: String, value: ValueID, rank: Int, layout: Layout = .nchw,
            function: OutputFunction? = nil
        ) {
            self.name = name
            self.value = value
            self.rank = rank
            self.layout = layout
            self.function = function
        }

        /// Position of the channels among the tensor's axes.
        package var channelAxis: Int { rank == 4 && layout == .nhwc ? 3 : 1 }
    }

    package var name: String
    package var input: Input
    package var nodes: [Node]
    package var output: Output

    package init(name: String, input: Input, nodes: [Node], output: Output) {
        self.name = name
        self.input = input
        self.nodes = nodes
        self.output = output
    }

    /// Number of values: the input and one per node.
    package var valueCount: Int { nodes.count + 1 }

    package func shape(of value: ValueID) -> FeatureShape {
        value == 0 ? input.shape : nodes[value - 1].shape
    }

    /// Name of a value, for messages and tables.
    package func name(of value: ValueID) -> String {
        value == 0 ? input.name : nodes[value - 1].name
    }

    /// Whether a product's second factor is one pixel that serves all.
    package func broadcasts(_ node: Node) -> Bool { shape(of: node.inputs[1]) != node.shape }

    /// Indices into `nodes` of all convolutions, in topological order.
    package var convolutions: [Int] {
        nodes.indices.filter { nodes[$0].convolution != nil }
    }

    /// Where a convolution's activation is done: the clamp nodes behind it, as long as they alone
    /// read it.
    /// - Returns: their indices in order; none where the convolution clamps itself.
    package func clamps(behind node: Int) -> [Int] {
        let readers = consumers
        var found: [Int] = []
        while let next = readers[(found.last ?? node) + 1].first,
            readers[(found.last ?? node) + 1].count == 1, nodes[next].operation == .clamp,
            output.value != (found.last ?? node) + 1
        {
            found.append(next)
        }
        return found
    }

    /// For each value, the index of the last node that reads it; `nodes.count` for the output.
    package var lastUses: [Int] {
        var last = [Int](repeating: -1, count: valueCount)
        for (index, node) in nodes.enumerated() {
            for value in node.inputs { last[value] = index }
        }
        last[output.value] = nodes.count
        return last
    }

    /// For each value, the indices of the nodes that read it.
    package var consumers: [[Int]] {
        var readers = [[Int]](repeating: [], count: valueCount)
        for (index, node) in nodes.enumerated() {
            for value in node.inputs { readers[value].append(index) }
        }
        return readers
    }
}
