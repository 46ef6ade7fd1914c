// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
import ONNXImport
package import Quantization

/// Brings a float network and somebody's quantization of it into one structure, that of the
/// quantized network.
///
/// Quantizers leave an activation behind the quantizer of its operator, drop it where the quantizer
/// implies it, and put further quantizers between nodes. The float network computes the same in
/// that structure, so every value of one network has its counterpart in the other.
package struct NetworkMatching {
    /// Both with the same graph; names are those of the float network where it has the node.
    package private(set) var float: FloatNetwork
    /// With the graph of `float`.
    package private(set) var quantized: QuantizedNetwork

    /// What a quantized value is in the float network.
    struct Counterpart {
        var value: ValueID
        /// Clamp that the value has had; the float node's when it is complete.
        var clamp: Clamp
    }

    /// The float network as far as it has been brought into the structure.
    var original: FloatNetwork
    var counterparts: [Counterpart]
    /// Float nodes that have a counterpart.
    var matched: Set<Int> = []
    /// Of the float network, by node of the quantized one.
    var parameters: [FloatParameters?] = []

    /// Weights that lie within a step of the float ones, at least; range estimators clip few.
    private static let leastShare = 0.5

    /// - Throws: ``QDQError`` with code `otherNetwork`, naming the layer.
    package init(float: FloatNetwork, quantized: QuantizedNetwork) throws {
        original = float
        self.float = float
        self.quantized = quantized
        counterparts = float.graph.inputs.indices.map { Counterpart(value: $0, clamp: .none) }
        for (ends, what) in [
            (float.graph.inputs.count - quantized.graph.inputs.count, "inputs"),
            (float.graph.outputs.count - quantized.graph.outputs.count, "outputs"),
        ] where ends != 0 {
            throw QDQError(.otherNetwork, "it has other \(what) than the float model")
        }
        for (mine, theirs) in zip(float.graph.inputs, quantized.graph.inputs)
        where mine.shape != theirs.shape {
            throw QDQError(
                .otherNetwork, tensor: theirs.name,
                "the input is \(theirs.shape), the float model's \(mine.shape)")
        }
        for index in quantized.graph.nodes.indices { try match(index) }
        try finish()
    }

    private mutating func match(_ index: Int) throws {
        let node = quantized.graph.nodes[index]
        if node.operation == .clamp, try follow(node) { return }
        if takesConstant(index) { splitBias(index) }
        let inputs = try node.inputs.map { try complete($0) }
        guard
            let found = try candidate(for: index, inputs: inputs)
                ?? restructured(for: node, inputs: inputs)
        else {
            throw QDQError(
                .otherNetwork, node: node.name,
                "the float model has no \(Self.kind(node, in: quantized.graph)) "
                    + "that gives \(node.shape) from "
                    + inputs.map { "'\(original.graph.name(of: $0))'" }.joined(separator: " and "))
        }
        matched.insert(found)
        quantized.graph.nodes[index].name = original.graph.nodes[found].name
        if let convolution = original.graph.nodes[found].convolution {
            // Whether there was a bias is the file's matter, and how a layer is written changes
            // nothing.
            var theirs = convolution
            theirs.hadBias = node.convolution?.hadBias ?? true
            quantized.graph.nodes[index].operation = .convolution(theirs)
        }
        parameters.append(original.parameters[found])
        counterparts.append(
            Counterpart(value: original.graph.value(of: found), clamp: node.clamp))
    }

    /// A clamp of its own that belongs to the node before it, or only changes the scale.
    private mutating func follow(_ node: Node) throws -> Bool {
        var counterpart = counterparts[node.inputs[0]]
        let wanted = clamp(of: counterpart.value)
        guard node.clamp == .none || counterpart.clamp != wanted else { return false }
        counterpart.clamp = counterpart.clamp.followed(by: node.clamp)
        parameters.append(nil)
        counterparts.append(counterpart)
        return true
    }

    private func clamp(of value: ValueID) -> Clamp {
        original.graph.node(of: value).map { original.graph.nodes[$0].clamp } ?? .none
    }

    /// The float value of a quantized one whose clamp is done, by a node or by its quantizer.
    private mutating func complete(_ value: ValueID) throws -> ValueID {
        let counterpart = counterparts[value]
        let wanted = clamp(of: counterpart.value)
        if counterpart.clamp == wanted { return counterpart.value }
        guard let index = quantized.graph.node(of: value) else { return counterpart.value }
        let node = quantized.graph.nodes[index]
        let isImplied = quantized.activations[value]?.implies(wanted) ?? false
        guard isImplied, counterpart.clamp.followed(by: wanted) == wanted else {
            throw QDQError(
                .otherNetwork, node: node.name,
                "its activation is \(Self.text(counterpart.clamp)), the float model's "
                    + "\(Self.text(wanted))")
        }
        quantized.graph.nodes[index].clamp = wanted
        counterparts[value].clamp = wanted
        return counterpart.value
    }

    private static func text(_ clamp: Clamp) -> String { clamp == .none ? "none" : "\(clamp)" }

    private static func kind(_ node: Node, in graph: Graph) -> String {
        node.operation.kind(input: graph.shape(of: node.inputs[0]))
    }

    // MARK: Candidates

    /// The float node of the same operation on the same values. Where several are (branches of
    /// equal form), name and weights decide.
    private func candidate(for index: Int, inputs: [ValueID]) throws -> Int? {
        let node = quantized.graph.nodes[index]
        let candidates = original.graph.nodes.indices.filter { other in
            let mine = original.graph.nodes[other]
            return !matched.contains(other) && mine.shape == node.shape
                && Self.isSame(mine.operation, node.operation)
                && (mine.inputs == inputs
                    || [.add, .multiply].contains(mine.operation)
                        && mine.inputs.sorted() == inputs.sorted())
        }
        guard let theirs = quantized.parameters[index] else {
            return candidates.first { original.graph.nodes[$0].name == node.name }
                ?? candidates.first
        }
        let shares = candidates.map { share(of: theirs, like: original.parameters[$0]) }
        guard let best = shares.max(), let place = shares.firstIndex(of: best) else { return nil }
        guard best >= Self.leastShare else {
            let name = original.graph.nodes[candidates[place]].name
            throw QDQError(
                .otherNetwork, node: node.name,
                "only \(Int(100 * best)) % of its weights are those of the float model's layer '\(name)'"
            )
        }
        return candidates[place]
    }

    private static func isSame(_ mine: Operation, _ theirs: Operation) -> Bool {
        guard case .convolution(let mine) = mine, case .convolution(let theirs) = theirs else {
            return mine == theirs
        }
        return mine.window == theirs.window && mine.groups == theirs.groups
    }

    /// Share of the weights that lie within one step of the float ones.
    private func share(of theirs: QuantizedParameters, like mine: FloatParameters?) -> Double {
        guard let mine, mine.weights.count == theirs.weights.count, !mine.weights.isEmpty else {
            return 0
        }
        let taps = mine.weights.count / theirs.bias.count
        var near = 0
        for (index, weight) in mine.weights.enumerated() {
            let channel = index / taps
            let steps = Float(Int(theirs.weights[index]) - theirs.zeroPoint(channel: channel))
            let scale = theirs.scale(channel: channel)
            if abs(steps * scale - weight) <= scale { near += 1 }
        }
        return Double(near) / Double(mine.weights.count)
    }

    // MARK: The end

    private mutating func finish() throws {
        for (mine, theirs) in zip(original.graph.outputs, quantized.graph.outputs) {
            let value = try complete(theirs.value)
            guard value == mine.value else {
                throw QDQError(
                    .otherNetwork, tensor: theirs.name,
                    "the output is the float model's layer '\(original.graph.name(of: value))', "
                        + "not its output")
            }
        }
        if let missing = original.graph.nodes.indices.first(where: { !matched.contains($0) }) {
            throw QDQError(
                .otherNetwork, node: original.graph.nodes[missing].name,
                "this layer of the float model is not in the quantized model")
        }
        var names = UniqueNames()
        for index in quantized.graph.nodes.indices {
            let name = names.claim(quantized.graph.nodes[index].name)
            quantized.graph.nodes[index].name = name
        }
        quantized.graph.name = original.graph.name
        quantized.graph.inputs = original.graph.inputs
        for (index, theirs) in quantized.graph.outputs.enumerated() {
            quantized.graph.outputs[index] = original.graph.outputs[index]
            quantized.graph.outputs[index].value = theirs.value
        }
        float = FloatNetwork(graph: quantized.graph, parameters: parameters)
    }
}
