// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// A convolution while BatchNormalizations and the like are still being folded into it. All scales
/// are kept in Double and applied to the weights once.
struct DraftConvolution {
    var convolution: Convolution
    /// `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`.
    var weights: [Float]
    /// Factors on the input channels; nil for ones.
    var inputScale: [Double]?
    /// Factors on the output channels; nil for ones.
    var outputScale: [Double]?
    /// One per output channel.
    var bias: [Double]
}

/// One operation of the draft: what a graph node can be, and what is folded away.
struct DraftNode {
    enum Kind {
        case convolution(DraftConvolution)
        /// Anything without weights.
        case operation(Operation)
        /// `scale * x + shift` per channel; `hasShift` is false for a mere factor.
        case affine(scale: [Double], shift: [Double], hasShift: Bool)
    }

    var name: String
    /// Operator in the file, for messages.
    var operatorType: String
    var kind: Kind
    /// Values read, numbered as those of a `Graph`.
    var inputs: [Int]
    var clamp = Clamp.none
    var shape: TensorShape

    func error(_ code: ONNXError.Code, _ detail: String) -> ONNXError {
        ONNXError(code, node: name, operatorType: operatorType, detail)
    }
}

/// The network between reading and folding: one node per ONNX operator that computes something.
struct DraftGraph {
    var inputs: [Graph.Input] = []
    var nodes: [DraftNode] = []
    /// Values that are the network's results.
    var outputs: [ValueID] = []

    var valueCount: Int { inputs.count + nodes.count }

    /// The result of the node at an index.
    func value(of node: Int) -> ValueID { inputs.count + node }

    /// Index of the node whose result a value is; nil for an input.
    func node(of value: ValueID) -> Int? {
        value < inputs.count ? nil : value - inputs.count
    }

    func shape(of value: ValueID) -> TensorShape {
        node(of: value).map { nodes[$0].shape } ?? inputs[value].shape
    }

    /// Adds a node and returns its value.
    mutating func append(_ node: DraftNode) -> ValueID {
        nodes.append(node)
        return valueCount - 1
    }

    /// How often each value is read, an output of the network counting as one more reader.
    var uses: [Int] {
        var uses = [Int](repeating: 0, count: valueCount)
        for node in nodes {
            for value in node.inputs { uses[value] += 1 }
        }
        for output in outputs { uses[output] += 1 }
        return uses
    }

    /// Takes a node out: whoever read its value reads `replacement`.
    mutating func bypass(_ node: Int, to replacement: ValueID) {
        let value = value(of: node)
        nodes[node].inputs = []
        for index in nodes.indices {
            for operand in nodes[index].inputs.indices where nodes[index].inputs[operand] == value {
                nodes[index].inputs[operand] = replacement
            }
        }
        outputs = outputs.map { $0 == value ? replacement : $0 }
    }

    /// Removes nodes that no result depends on.
    mutating func removeUnused() {
        var used = [Bool](repeating: false, count: valueCount)
        for output in outputs { used[output] = true }
        for index in nodes.indices.reversed() where used[value(of: index)] {
            for value in nodes[index].inputs { used[value] = true }
        }
        var renumbered = Array(0..<valueCount)
        var kept: [DraftNode] = []
        for (index, var node) in nodes.enumerated() where used[value(of: index)] {
            node.inputs = node.inputs.map { renumbered[$0] }
            renumbered[value(of: index)] = value(of: kept.count)
            kept.append(node)
        }
        nodes = kept
        outputs = outputs.map { renumbered[$0] }
    }
}
