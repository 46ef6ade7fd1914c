import NetworkGraph

/// Translates the nodes of an ONNX graph, in their order, into a draft graph.
struct GraphTranslation {
    /// A tensor of the ONNX graph.
    enum Value {
        case constant(ONNXTensor)
        case activation(Activation)
    }

    let document: ONNXDocument
    /// Nodes that the output depends on.
    let calls: [OperatorCall]
    /// Images per batch as the file fixes it; 1 where it leaves it open.
    let batch: Int
    private(set) var values: [String: Value] = [:]
    var draft: DraftGraph
    /// Elements of constants computed so far.
    var computed = 0

    /// Operators with a translation here, besides what constants allow.
    static let operators: Set<String> = [
        "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "Div",
        "Dropout", "Flatten", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity",
        "LRN", "LogSoftmax", "MatMul", "Max", "MaxPool", "Min", "Mul", "Pad", "ReduceMean", "Relu",
        "Reshape", "Shape", "Size", "Softmax", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    ]

    /// Finds input, output and the nodes between them, and refuses operators that are not supported
    /// before any tensor is read.
    init(_ document: ONNXDocument) throws(ONNXError) {
        self.document = document
        let graph = document.model.graph
        guard graph.output.count == 1, let output = graph.output.first, !output.name.isEmpty else {
            throw ONNXError(
                .unsupported, "has \(graph.output.count) outputs; export it with one output.")
        }
        calls = try Self.liveCalls(of: graph, output: output.name)
        let read = Set(calls.flatMap(\.node.input))
        let inputs = document.inputs.filter { read.contains($0.name) }
        guard inputs.count == 1, let info = inputs.first else {
            throw ONNXError(
                .unsupported,
                "its output depends on \(inputs.count) inputs; one input of images is needed.")
        }
        let (input, batch) = try Self.input(info, calls: calls)
        self.batch = batch
        draft = DraftGraph(input: input)
        values[info.name] = .activation(
            Activation(
                value: 0, shape: input.shape, batch: batch,
                order: input.layout == .nchw ? Activation.nchw : Activation.nhwc))
    }

    mutating func run() throws(ONNXError) -> FloatNetwork {
        for call in calls {
            let value = try translate(call)
            let name = call.node.output[0]
            guard document.initializers[name] == nil,
                values.updateValue(value, forKey: name) == nil
            else { throw call.malformed("defines \(printable(name)) again.") }
        }
        var output = try output()
        try draft.fold()
        guard !draft.nodes.isEmpty else {
            throw ONNXError(.unsupported, "computes nothing: its output is its input.")
        }
        let graph = document.model.graph
        output.value = draft.output
        return try draft.finished(name: graph.name, output: output)
    }

    /// Nodes that `output` depends on, all with known operators.
    private static func liveCalls(
        of graph: Onnx_GraphProto, output: String
    ) throws(ONNXError) -> [OperatorCall] {
        var wanted: Set<String> = [output]
        var live: [Onnx_NodeProto] = []
        for node in graph.node.reversed()
        where node.output.contains(where: { !$0.isEmpty && wanted.contains($0) }) {
            live.append(node)
            wanted.formUnion(node.input)
        }
        guard live.count <= ImportLimits.nodes else {
            throw ONNXError(.unsupported, "has more than \(ImportLimits.nodes) nodes.")
        }
        var calls: [OperatorCall] = []
        for node in live.reversed() {
            let call = try OperatorCall(node)
            guard ONNXDocument.isStandard(node.domain),
                operators.contains(node.opType) || ConstantFolding.operators.contains(node.opType)
            else {
                let domain = ONNXDocument.isStandard(node.domain) ? "" : " of \(node.domain)"
                throw call.unsupported("operator \(node.opType)\(domain) is not supported.")
            }
            guard node.output.dropFirst().allSatisfy({ $0.isEmpty || !wanted.contains($0) }) else {
                throw call.unsupported("only its first output can be used.")
            }
            calls.append(call)
        }
        return calls
    }

    // MARK: Values

    /// The tensor called `name`; initializers are decoded when first read.
    mutating func value(_ name: String, of call: OperatorCall) throws(ONNXError) -> Value {
        if let value = values[name] { return value }
        guard let proto = document.initializers[name] else {
            throw call.malformed("reads \(printable(name)), which is not defined before it.")
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

    /// Adds a node whose result is `[N, C, H, W]`.
    mutating func append(
        _ kind: DraftNode.Kind, _ inputs: [Int], shape: FeatureShape, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        try Self.check(shape, at: call)
        let like = Activation(value: 0, shape: shape, batch: batch, order: Activation.nchw)
        return append(kind, inputs, like: like, at: call)
    }

    /// Refuses feature maps of absurd size.
    static func check(_ shape: FeatureShape, at call: OperatorCall) throws(ONNXError) {
        let extents = [shape.height, shape.width, shape.channels]
        guard extents.allSatisfy({ 1...ImportLimits.extent ~= $0 }),
            ONNXTensor.count(extents, limit: ImportLimits.featureMap) != nil
        else { throw call.unsupported("its output of \(shape) is too large or empty.") }
    }
}
