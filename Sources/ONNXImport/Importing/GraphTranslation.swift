// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Translates the nodes of an ONNX graph, in their order, into a draft graph.
///
/// What cannot be translated is noted and the rest gone through all the same, so that one refusal
/// names everything that stands in the way.
struct GraphTranslation {
    /// A tensor of the ONNX graph.
    enum Value {
        case constant(ONNXTensor)
        case activation(Activation)
        /// What a node gives that could not be translated.
        case unknown(dependsOnInput: Bool)
    }

    let document: ONNXDocument
    /// Nodes that an output depends on.
    let calls: [OperatorCall]
    /// Names that these nodes read, and the outputs.
    private let read: Set<String>
    /// Images per batch as the file fixes it; 1 where it leaves it open.
    let batch: Int
    private(set) var values: [String: Value] = [:]
    var draft: DraftGraph
    /// Elements of constants computed so far.
    var computed = 0
    /// Values of steps that were taken before.
    private var movements: [Movement: ValueID] = [:]
    private var obstacles = Obstacles()

    /// An operation on a value that only moves it.
    private struct Movement: Hashable {
        var value: ValueID
        var operation: Operation
    }

    /// Finds input, output and the nodes between them.
    init(_ document: ONNXDocument) throws(ONNXError) {
        self.document = document
        let graph = document.model.graph
        calls = try Self.liveCalls(of: document)
        read = Set(calls.flatMap(\.node.input) + graph.output.map(\.name))
        if let call = calls.first(where: { Self.quantized.contains($0.node.opType) }) {
            throw call.unsupported(
                "the model is quantized already; --model takes the float model it was made from, and --quantized "
                    + "the 8-bit one.")
        }
        let inputs = document.inputs.filter { [read] in read.contains($0.name) }
        do throws(ONNXError) {
            let ends = try Self.inputs(inputs, calls: calls)
            let batch = ends.first?.batch ?? 1
            self.batch = batch
            draft = DraftGraph(inputs: ends)
            for (value, input) in ends.enumerated() {
                values[input.name] = .activation(
                    Activation(
                        value: value, shape: input.shape, batch: batch,
                        order: input.layout == .nchw ? TensorView.nchw : TensorView.nhwc))
            }
        } catch {
            batch = 1
            draft = DraftGraph()
            for info in inputs { values[info.name] = .unknown(dependsOnInput: true) }
            obstacles.add(error)
        }
    }

    mutating func run() throws(ONNXError) -> FloatNetwork {
        for call in calls {
            var outputs: [Value]
            do throws(ONNXError) {
                outputs = try translate(call)
            } catch {
                obstacles.add(error)
                outputs = [.unknown(dependsOnInput: dependsOnInput(call))]
            }
            // Further outputs are as unknown as the first.
            if case .unknown = outputs.first {
                outputs = call.node.output.map { _ in outputs[0] }
            }
            for (name, value) in zip(call.node.output, outputs) where !name.isEmpty {
                guard document.initializers[name] == nil,
                    values.updateValue(value, forKey: name) == nil
                else { throw call.malformed("defines \(printable(name)) again.") }
            }
        }
        if let error = obstacles.error { throw error }
        var outputs = try outputs()
        try draft.fold()
        guard !draft.nodes.isEmpty else {
            throw ONNXError(.unsupported, "computes nothing: its output is its input.")
        }
        for (index, value) in draft.outputs.enumerated() { outputs[index].value = value }
        return try draft.finished(name: document.model.graph.name, outputs: outputs)
    }

    /// Nodes that an output depends on.
    private static func liveCalls(of document: ONNXDocument) throws(ONNXError) -> [OperatorCall] {
        let graph = document.model.graph
        var makers: [String: Int] = [:]
        for (index, node) in graph.node.enumerated() {
            for name in node.output where !name.isEmpty {
                guard makers.updateValue(index, forKey: name) == nil else {
                    throw try OperatorCall(node, opset: document.opset)
                        .malformed("defines \(printable(name)) again.")
                }
            }
        }
        var live: Set<Int> = []
        var pending = graph.output.map(\.name)
        while let name = pending.popLast() {
            guard let index = makers[name], live.insert(index).inserted else { continue }
            pending += graph.node[index].input
        }
        guard live.count <= ImportLimits.nodes else {
            throw ONNXError(.unsupported, "has more than \(ImportLimits.nodes) nodes.")
        }
        var calls: [OperatorCall] = []
        for index in live.sorted() {
            calls.append(try OperatorCall(graph.node[index], opset: document.opset))
        }
        return calls
    }

    /// Operators that only a quantized model has.
    private static let quantized: Set<String> = [
        "ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QGemm", "QLinearAdd",
        "QLinearConv",
        "QLinearMatMul", "QuantizeLinear",
    ]

    /// Whether anything reads the tensor called `name`.
    func isRead(_ name: String) -> Bool { !name.isEmpty && read.contains(name) }

    private func dependsOnInput(_ call: OperatorCall) -> Bool {
        call.node.input.contains { name in
            switch values[name] {
            case .activation: true
            case .unknown(let dependsOnInput): dependsOnInput
            case .constant, nil: false
            }
        }
    }

    // MARK: Values

    /// Gives a tensor another meaning.
    mutating func replace(_ name: String, by activation: Activation) {
        values[name] = .activation(activation)
    }

    /// The tensor called `name`; initializers are decoded when first read.
    mutating func value(_ name: String, of call: OperatorCall) throws(ONNXError) -> Value {
        if let value = values[name] { return value }
        guard let proto = document.initializers[name] else {
            throw call.malformed(document.reasonForMissing(name))
        }
        let value: Value
        do throws(ONNXError) {
            value = .constant(try document.decode(proto))
        } catch {
            throw call.error(error.code, tensor: error.tensor, error.detail)
        }
        values[name] = value
        return value
    }

    /// Operand `index` as a value; an error if absent.
    mutating func operand(_ index: Int, of call: OperatorCall) throws(ONNXError) -> Value {
        guard let name = call.input(index) else {
            throw call.malformed("input \(index) is missing.")
        }
        return try value(name, of: call)
    }

    /// Operand `index`, which must depend on the network's input.
    mutating func activation(_ index: Int, of call: OperatorCall) throws(ONNXError) -> Activation {
        guard case .activation(let activation) = try operand(index, of: call) else {
            throw call.unsupported("input \(index) is constant, which is not supported.")
        }
        return activation
    }

    /// Operand `index`, which must be constant; nil where absent.
    mutating func constant(_ index: Int, of call: OperatorCall) throws(ONNXError) -> ONNXTensor? {
        guard let name = call.input(index) else { return nil }
        guard case .constant(let tensor) = try value(name, of: call) else {
            throw call.unsupported("input \(printable(name)) must be constant.")
        }
        return tensor
    }

    /// Operand `index`: finite real numbers. Nil where absent.
    mutating func parameters(_ index: Int, of call: OperatorCall) throws(ONNXError) -> ONNXTensor? {
        guard let tensor = try constant(index, of: call) else { return nil }
        guard let values = tensor.reals else {
            throw call.error(
                .unsupported, tensor: call.input(index), "holds integers; real weights are needed.")
        }
        guard values.allFinite else {
            throw call.error(
                .invalidTensor, tensor: call.input(index), "holds an infinite or undefined value.")
        }
        return tensor
    }

    /// All operands but the first, which must be constant.
    mutating func constantOperands(
        of call: OperatorCall
    ) throws(ONNXError) -> ConstantFolding.Operands {
        var constants: [ONNXTensor?] = [nil]
        for index in call.node.input.indices.dropFirst() {
            constants.append(try constant(index, of: call))
        }
        return ConstantFolding.Operands(call: call, values: constants)
    }

    // MARK: Nodes

    /// Adds a node whose result has the extents and axes of `like`.
    mutating func append(
        _ kind: DraftNode.Kind, _ inputs: [Int], clamp: Clamp = .none, like: Activation,
        at call: OperatorCall
    ) -> Value {
        let value = draft.append(
            DraftNode(
                name: call.name, operatorType: call.type, kind: kind, inputs: inputs, clamp: clamp,
                shape: like.shape))
        return .activation(like.replaced(by: value))
    }

    /// Adds the nodes that bring a tensor into another form.
    mutating func apply(
        _ steps: [TensorView.Step], to activation: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        for step in steps { try Self.check(step.view.shape, at: call) }
        return append(steps, to: activation, name: call.name)
    }

    /// The same for a reader of a given name. A node that joins and moves axes is called as the one
    /// in the file that did so last; equal ones are shared.
    mutating func append(
        _ steps: [TensorView.Step], to activation: Activation, name: String
    ) -> Activation {
        var result = activation
        for step in steps {
            let movement = Movement(value: result.value, operation: step.operation)
            if movements[movement] == nil {
                var node = DraftNode(
                    name: name, operatorType: "Reshape", kind: .operation(step.operation),
                    inputs: [result.value], shape: step.view.shape)
                if case .rearrange = step.operation {
                    node.name = result.viewer ?? name + "_operand"
                }
                movements[movement] = draft.append(node)
            }
            result.value = movements[movement] ?? result.value
            result.view = step.view
            result.viewer = nil
        }
        return result
    }

    /// Refuses feature maps of absurd size.
    static func check(_ shape: TensorShape, at call: OperatorCall) throws(ONNXError) {
        guard shape.isWithinLimits else {
            throw call.unsupported("its output of \(shape) is too large or empty.")
        }
    }

    /// The same of an operator without weights.
    mutating func append(
        _ operation: Operation, _ inputs: [ValueID], clamp: Clamp = .none, like: Activation,
        at call: OperatorCall
    ) -> Value {
        append(.operation(operation), inputs, clamp: clamp, like: like, at: call)
    }

    /// Adds a node whose result is `[N, C, H, W]`, with the extents that its operator gives.
    mutating func append(
        _ operation: Operation, of operand: Activation, weights: DraftConvolution? = nil,
        at call: OperatorCall
    ) throws(ONNXError) -> Value {
        let shape: TensorShape
        do throws(OperatorFault) {
            shape = try operation.outputShape(
                of: [operand.shape], outputChannels: weights?.bias.count ?? 0)
        } catch {
            throw call.unsupported("\(error).")
        }
        let like = Activation(value: 0, shape: shape, batch: batch, order: TensorView.nchw)
        let kind = weights.map { .convolution($0) } ?? DraftNode.Kind.operation(operation)
        return append(kind, [operand.value], like: like, at: call)
    }
}
