import NetworkGraph

/// Input and output declarations.
extension QDQReader {
    /// The one float input; its shape is set when its layout is known.
    static func declaredInput(
        _ file: Onnx_GraphProto, isConstant: (String) -> Bool
    ) throws -> Graph.Input {
        let inputs = file.input.filter { !isConstant($0.name) }
        guard inputs.count == 1 else {
            throw QDQError(.unsupported, "has \(inputs.count) inputs; one is needed")
        }
        let info = inputs[0]
        let dims = info.type.tensorType.shape.dim
        guard info.type.tensorType.elemType == Int32(Onnx_TensorProto.DataType.float.rawValue)
        else {
            throw QDQError(.unsupportedType, tensor: info.name, "the input must be float")
        }
        guard dims.count == 4 else {
            throw QDQError(.unsupported, tensor: info.name, "the input must have four axes")
        }
        let extents = dims.map(\.dimValue)
        guard extents[1...].allSatisfy({ 1...Int64(QDQLimits.extent) ~= $0 }),
            0...Int64(QDQLimits.extent) ~= extents[0]
        else { throw QDQError(.unsupported, tensor: info.name, "the input's shape is not fixed") }
        let shape = FeatureShape(
            height: Int(extents[2]), width: Int(extents[3]), channels: Int(extents[1]))
        return Graph.Input(
            name: info.name, shape: shape, layout: .nchw,
            batch: extents[0] > 0 ? Int(extents[0]) : nil)
    }

    /// Re-reads the declared extents, taken as C, H, W, as H, W, C.
    mutating func inputIsNHWC() {
        let declared = input.shape
        input.shape = FeatureShape(
            height: declared.channels, width: declared.height, channels: declared.width)
        input.layout = .nhwc
    }

    mutating func readOutput() throws -> Graph.Output {
        guard file.output.count == 1, let info = file.output.first else {
            throw QDQError(.unsupported, "has \(file.output.count) outputs; one is needed")
        }
        let value: ValueID
        let view: View
        switch try meaning(info.name) {
        case .float(let id, let arrangement): (value, view) = (id, arrangement)
        case .result(let index, let arrangement):
            value = try take(index, activation: nil)
            view = arrangement
        case .quantized, .image, .weight, .parameter:
            throw QDQError(.unsupported, tensor: info.name, "the output must be a float result")
        }
        let rank: Int
        var layout: Graph.Layout
        switch view {
        case .map(let order): (rank, layout) = (4, order)
        case .flat(let order): (rank, layout) = (2, order)
        }
        let declared = info.type.tensorType
        guard !declared.hasShape || declared.shape.dim.count == rank else {
            throw QDQError(.malformedGraph, tensor: info.name, "the output's rank is not \(rank)")
        }
        if outputIsNHWC {
            guard rank == 2, shape(of: value).pixels == 1 else {
                throw QDQError(
                    .invalidMetadata,
                    "the entry '\(QDQAnnotation.outputKey)' does not fit the output")
            }
            layout = .nhwc
        }
        return Graph.Output(name: info.name, value: value, rank: rank, layout: layout)
    }
}
