// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import ONNXModel

/// How operators of one kind are read from float networks and from quantized ones: the one place
/// that knows their names, opsets and attributes.
struct ONNXOperator: Sendable {
    typealias Translation =
        @Sendable (OperatorCall, inout GraphTranslation) throws(ONNXError) -> GraphTranslation.Value
    /// Of an operator of several outputs: one value for each.
    typealias Splitting =
        @Sendable (OperatorCall, inout GraphTranslation) throws(ONNXError) ->
        [GraphTranslation.Value]
    typealias Reading = @Sendable (Onnx_NodeProto, any QDQReading) throws -> Void

    /// Names in the standard operator set.
    let types: Set<String>
    /// Takes a node of a float network that depends on its input, and gives its first output.
    private let translateFirst: Translation?
    /// The same for all outputs.
    private let translateAll: Splitting?
    /// Takes a node between quantizers; nil where there is none.
    let read: Reading?

    init(_ types: Set<String>, translate: Translation? = nil, read: Reading? = nil) {
        self.types = types
        translateFirst = translate
        translateAll = nil
        self.read = read
    }

    init(_ types: Set<String>, split: @escaping Splitting, read: Reading? = nil) {
        self.types = types
        translateFirst = nil
        translateAll = split
        self.read = read
    }

    /// Whether nodes of a float network that depend on its input can be taken.
    var isTranslated: Bool { translateFirst != nil || translateAll != nil }

    /// Takes a node of a float network that depends on its input.
    /// - Returns: its outputs in order, as many as anything reads; nil where there is no such node.
    func translate(
        _ call: OperatorCall, _ network: inout GraphTranslation
    ) throws(ONNXError) -> [GraphTranslation.Value]? {
        if let translateAll { return try translateAll(call, &network) }
        guard let translateFirst else { return nil }
        let value = try translateFirst(call, &network)
        guard call.node.output.dropFirst().allSatisfy({ !network.isRead($0) }) else {
            throw call.unsupported("only its first output can be used.")
        }
        return [value]
    }

    /// All operators: the line to add for a new one.
    private static let all: [ONNXOperator] = [
        .convolution, .gemm, .matMul, .batchNormalization, .add, .subtract, .multiply, .divide,
        .relu, .clip, .extremum, .identity, .dropout, .cast, .activationFunction,
        .localResponseNormalization, .concat, .maxPool, .averagePool, .globalAveragePool,
        .reduceMean, .pad, .reshape, .flatten, .squeeze, .unsqueeze, .transpose, .softmax,
        .shape, .resize, .slice, .split, .gather, .tile, .expand, .depthToSpace, .spaceToDepth,
        .prelu, .convTranspose,
    ]

    /// By name in the standard operator set.
    static let byType: [String: ONNXOperator] = all.reduce(into: [:]) { table, entry in
        for type in entry.types { table[type] = entry }
    }
}

/// How a node of a quantized network is written, between its operands and its quantizer.
protocol WrittenOperator: OperatorForm {
    /// Whether operands of the form `[N, C]` give a result of that form.
    var keepsFlat: Bool { get }

    /// Appends the node that computes `call.target`, without the node's clamp.
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting)
}

extension WrittenOperator {
    var keepsFlat: Bool { false }
}

/// What there is to write of one node.
package struct WriteCall {
    /// Of the network.
    package let node: Node
    /// Whether operands and result are `[N, C]` instead of `[N, C, H, W]`.
    package let isFlat: Bool
    /// Axes of the result, which are the operands' too, in the order of the file, batch aside.
    package let order: [Int]
    /// Tensor that the node gives.
    let target: String
    /// The window's pads (top, left, bottom, right) where the file's node has others.
    package var pads: [Int]?

    /// `target` is the name of the tensor that the node gives.
    package init(node: Node, isFlat: Bool, order: [Int], target: String) {
        self.node = node
        self.isFlat = isFlat
        self.order = order
        self.target = target
    }
}

extension Operation {
    /// How the operator is written; nil where it has weights, or is the node's clamp alone.
    private var written: (any WrittenOperator)? {
        let form = form
        precondition(
            form is Convolution || form is Clip || form is any WrittenOperator,
            "\(self) is written nowhere")
        return form as? any WrittenOperator
    }

    /// Whether operands of the form `[N, C]` are written so that the result has that form.
    package var keepsFlat: Bool { written?.keepsFlat != false }

    /// Appends the node that computes the tensor of `call`, without the node's clamp; nothing where
    /// the operator has weights, or is the node's clamp alone.
    package func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        written?.write(&call, &writer)
    }
}

extension QDQReading {
    /// Whether nodes of this operator are read between quantizers.
    package static func reads(_ type: String) -> Bool {
        ONNXOperator.byType[type]?.read != nil
    }

    /// Reads a node between quantizers.
    /// - Returns: false where no operator of its type is read.
    /// - Throws: ``QDQError``; not all name the node.
    package func readOperator(_ node: Onnx_NodeProto) throws -> Bool {
        guard let read = ONNXOperator.byType[node.opType]?.read else { return false }
        try read(node, self)
        return true
    }
}
