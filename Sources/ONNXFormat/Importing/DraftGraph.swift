// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

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
        case add
        /// As `Operation.multiply`.
        case multiply
        case concat
        case maxPool(Window)
        case averagePool(Window, countIncludePad: Bool)
        case globalAveragePool
        /// Only the node's clamp.
        case clamp
        case activation(ActivationFunction)
        case localResponseNormalization(LocalResponseNormalization)
        /// `scale * x + shift` per channel; `hasShift` is false for a mere factor.
        case affine(scale: [Double], shift: [Double], hasShift: Bool)
        /// A frame of one value around the image.
        case pad(PadWidths, value: Float)
    }

    var name: String
    /// Operator in the file, for messages.
    var operatorType: String
    var kind: Kind
    /// Values read: 0 is the input, k the output of node k - 1.
    var inputs: [Int]
    var clamp = Clamp.none
    var shape: FeatureShape

    func error(_ code: ONNXError.Code, _ detail: String) -> ONNXError {
        ONNXError(code, node: name, operatorType: operatorType, detail)
    }
}

/// Rows and columns added around an image.
struct PadWidths: Hashable {
    var top = 0
    var left = 0
    var bottom = 0
    var right = 0
}

/// The network between reading and folding: one node per ONNX operator that computes something.
struct DraftGraph {
    var input: Graph.Input
    var nodes: [DraftNode] = []
    /// Value that is the network's result.
    var output = 0

    /// Stands where there is no input to begin with.
    static let empty = DraftGraph(
        input: Graph.Input(
            name: "", shape: FeatureShape(height: 1, width: 1, channels: 1), layout: .nchw))

    func shape(of value: Int) -> FeatureShape {
        value == 0 ? input.shape : nodes[value - 1].shape
    }

    /// Adds a node and returns its value.
    mutating func append(_ node: DraftNode) -> Int {
        nodes.append(node)
        return nodes.count
    }

    /// How often each value is read, the network's result counting as one more reader.
    var uses: [Int] {
        var uses = [Int](repeating: 0, count: nodes.count + 1)
        for node in nodes {
            for value in node.inputs { uses[value] += 1 }
        }
        uses[output] += 1
        return uses
    }

    /// Takes a node out: whoever read its `value` reads `replacement`.
    mutating func bypass(_ value: Int, to replacement: Int) {
        nodes[value - 1].inputs = []
        for index in nodes.indices {
            for operand in nodes[index].inputs.indices where nodes[index].inputs[operand] == value {
                nodes[index].inputs[operand] = replacement
            }
        }
        if output == value { output = replacement }
    }

    /// Removes nodes that the result does not depend on.
    mutating func removeUnused() {
        var used = [Bool](repeating: false, count: nodes.count + 1)
        used[output] = true
        for index in nodes.indices.reversed() where used[index + 1] {
            for value in nodes[index].inputs { used[value] = true }
        }
        var renumbered = [Int](repeating: 0, count: nodes.count + 1)
        var kept: [DraftNode] = []
        for (index, var node) in nodes.enumerated() where used[index + 1] {
            node.inputs = node.inputs.map { renumbered[$0] }
            kept.append(node)
            renumbered[index + 1] = kept.count
        }
        nodes = kept
        output = renumbered[output]
    }
}
