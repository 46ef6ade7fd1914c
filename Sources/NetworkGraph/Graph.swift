// SPDX-License-Identifier: Apache-2.0

/// A value of the graph: the inputs come first, then the result of each node in order
/// (``Graph/value(of:)``, ``Graph/node(of:)``).
package typealias ValueID = Int

/// One operation, followed by its clamp.
package struct Node: Hashable, Sendable, Codable {
    /// Name in the ONNX file, or the name of its output tensor where the file gives none. Unique.
    package var name: String
    /// What is computed, with its parameters but without weights.
    package var operation: Operation
    /// Values read, in operand order; all precede this node.
    package var inputs: [ValueID]
    /// Applied to the result: a folded Relu or Clip.
    package var clamp: Clamp
    /// Output, per image.
    package var shape: TensorShape

    /// A node as given; nothing is checked.
    package init(
        name: String, operation: Operation, inputs: [ValueID], clamp: Clamp = .none,
        shape: TensorShape
    ) {
        self.name = name
        self.operation = operation
        self.inputs = inputs
        self.clamp = clamp
        self.shape = shape
    }

    /// Parameters of the convolution; nil where the node is another operation.
    package var convolution: Convolution? {
        if case .convolution(let convolution) = operation { convolution } else { nil }
    }
}

/// A convolutional network after folding: structure without weights, nodes in topological order,
/// NHWC.
package struct Graph: Hashable, Sendable, Codable {
    /// How a tensor's axes are ordered in the ONNX file.
    package enum Layout: String, Hashable, Sendable, Codable { case nchw, nhwc }

    /// An input, as the ONNX file declares it.
    package struct Input: Hashable, Sendable, Codable {
        /// Of the tensor in the file.
        package var name: String
        /// Extents of one image, in the order of memory.
        package var shape: TensorShape
        /// Order of the file's axes; in memory it is always rows, columns, channels.
        package var layout: Layout
        /// Fixed batch size of the file; nil when it is symbolic.
        package var batch: Int?

        /// An input as given; nothing is checked.
        package init(name: String, shape: TensorShape, layout: Layout, batch: Int? = nil) {
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

    /// An output; other nodes may read its value as well.
    package struct Output: Hashable, Sendable, Codable {
        /// Of the tensor in the file.
        package var name: String
        /// The logits.
        package var value: ValueID
        /// Axes of the tensor in the ONNX file, batch included: 2 for `[N, classes]`, 4 for feature
        /// maps.
        package var rank: Int
        /// Order of the file's axes where ``rank`` is 4 and ``extents`` nil.
        package var layout: Layout
        /// Extents of the tensor in the ONNX file for a batch of one image, where it is neither
        /// `[N, classes]` nor a feature map: those of the value in order of memory, a first axis
        /// of 1 being the batch.
        package var extents: [Int]?
        /// Between the value and the tensor in the file; nil where they are the same.
        package var function: OutputFunction?

        /// An output as given; nothing is checked.
        package init(
            name: String, value: ValueID, rank: Int, layout: Layout = .nchw,
            extents: [Int]? = nil, function: OutputFunction? = nil
        ) {
            self.name = name
            self.value = value
            self.rank = rank
            self.layout = layout
            self.extents = extents
            self.function = function
        }

        /// Position of the channels among the tensor's axes.
        package var channelAxis: Int {
            if extents != nil { return rank - 1 }
            return rank == 4 && layout == .nhwc ? 3 : 1
        }
    }

    /// In the file; may be empty.
    package var name: String
    /// At least one.
    package var inputs: [Input]
    /// In topological order.
    package var nodes: [Node]
    /// At least one, of distinct names.
    package var outputs: [Output]

    /// A graph as given; nothing is checked.
    package init(name: String, inputs: [Input], nodes: [Node], outputs: [Output]) {
        self.name = name
        self.inputs = inputs
        self.nodes = nodes
        self.outputs = outputs
    }

    /// A graph of one input and one output.
    package init(name: String, input: Input, nodes: [Node], output: Output) {
        self.init(name: name, inputs: [input], nodes: nodes, outputs: [output])
    }

    // MARK: Values

    /// Number of values: the inputs and one per node.
    package var valueCount: Int { inputs.count + nodes.count }

    /// The result of the node at an index.
    package func value(of node: Int) -> ValueID { inputs.count + node }

    /// Index of the node whose result a value is; nil for an input.
    package func node(of value: ValueID) -> Int? {
        value < inputs.count ? nil : value - inputs.count
    }

    /// Extents of a value, per image.
    package func shape(of value: ValueID) -> TensorShape {
        node(of: value).map { nodes[$0].shape } ?? inputs[value].shape
    }

    /// Name of a value, for messages and tables.
    package func name(of value: ValueID) -> String {
        node(of: value).map { nodes[$0].name } ?? inputs[value].name
    }

    /// Whether a value leaves the network.
    package func isOutput(_ value: ValueID) -> Bool { outputs.contains { $0.value == value } }

    /// Elements of all inputs of one image: what a run reads, one input after the other.
    package var inputCount: Int { inputs.reduce(0) { $0 + $1.shape.count } }

    /// Elements of all outputs of one image: what a run gives, one output after the other.
    package var outputCount: Int { outputCounts.reduce(0, +) }

    /// Elements of each output.
    package var outputCounts: [Int] { outputs.map { shape(of: $0.value).count } }

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
        while case let value = value(of: found.last ?? node), let next = readers[value].first,
            readers[value].count == 1, nodes[next].operation == .clamp, !isOutput(value)
        {
            found.append(next)
        }
        return found
    }

    /// For each value, the index of the last node that reads it; `nodes.count` for outputs, -1
    /// where nobody reads it.
    package var lastUses: [Int] {
        var last = [Int](repeating: -1, count: valueCount)
        for (index, node) in nodes.enumerated() {
            for value in node.inputs { last[value] = index }
        }
        for output in outputs { last[output.value] = nodes.count }
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
