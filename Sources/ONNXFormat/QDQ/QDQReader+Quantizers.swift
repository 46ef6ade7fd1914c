import NetworkGraph
import Quantization

/// QuantizeLinear and DequantizeLinear.
extension QDQReader {
    mutating func readQuantize(_ node: Onnx_NodeProto) throws {
        let quantization = try tensorQuantization(node)
        let source = try Self.operand(node, 0)
        switch try meaning(source) {
        case .image(let isTransposed):
            guard activations.isEmpty else {
                throw QDQError(.unsupported, tensor: source, "the input is quantized twice")
            }
            if isTransposed { inputIsNHWC() }
            guard QDQShapes.isPlausible(input.shape) else {
                throw QDQError(.malformedGraph, tensor: source, "the input's shape is too large")
            }
            activations.append(quantization)
            try define(node, .quantized(0, .map(.nchw)))
        case .result(let index, let view):
            let value = try take(index, activation: quantization)
            try define(node, .quantized(value, view))
        case .float(let value, let view):
            guard activations[value] == quantization else {
                throw QDQError(
                    .inconsistentQuantization, tensor: source,
                    "a change of shape changes scale or zero point")
            }
            try define(node, .quantized(value, view))
        case .quantized, .parameter:
            throw QDQError(
                .unsupported, tensor: source, "QuantizeLinear must read float activations")
        }
    }

    mutating func readDequantize(_ node: Onnx_NodeProto) throws {
        let source = try Self.operand(node, 0)
        if constants[source] != nil { return try readParameter(node, source: source) }
        guard case .quantized(let value, let view) = try meaning(source) else {
            throw QDQError(.unsupported, tensor: source, "DequantizeLinear must read 8-bit values")
        }
        guard try tensorQuantization(node) == activations[value] else {
            throw QDQError(
                .inconsistentQuantization, tensor: source,
                "scale or zero point differ from those it was quantized with")
        }
        try define(node, .float(value, view))
    }

    /// Scale and zero point of activations: scalars.
    private func tensorQuantization(_ node: Onnx_NodeProto) throws -> TensorQuantization {
        let attributes = try QDQAttributes(node, known: ["axis", "saturate"])
        _ = try attributes.int("axis", default: 1)
        let scale = try constant(Self.operand(node, 1))
        guard scale.isScalar else {
            throw QDQError(
                .inconsistentQuantization, tensor: scale.name,
                "activations need one scale per tensor")
        }
        let value = try scale.scales()[0]
        guard let name = Self.optionalOperand(node, 2) else {
            return TensorQuantization(scale: value, zeroPoint: 0, type: .uint8)
        }
        let zeroPoint = try constant(name)
        guard case .bytes(let points, let type) = zeroPoint.elements else {
            throw QDQError(.unsupportedType, tensor: name, "activations must be int8 or uint8")
        }
        guard zeroPoint.isScalar else {
            throw QDQError(
                .inconsistentQuantization, tensor: name,
                "activations need one zero point per tensor")
        }
        return TensorQuantization(scale: value, zeroPoint: points[0], type: type)
    }

    private mutating func readParameter(_ node: Onnx_NodeProto, source: String) throws {
        let attributes = try QDQAttributes(node, known: ["axis"])
        let data = try constant(source)
        let scale = try constant(Self.operand(node, 1))
        let scales = try scale.scales()
        let axis = try parameterAxis(attributes, data: data, scale: scale)
        var points = [Int](repeating: 0, count: scales.count)
        if let name = Self.optionalOperand(node, 2) {
            let zeroPoint = try constant(name)
            switch (zeroPoint.elements, data.elements) {
            case (.bytes(let values, let type), .bytes(_, let dataType)) where type == dataType:
                points = values
            case (.int32(let values), .int32): points = values
            default:
                throw QDQError(
                    .unsupportedType, tensor: name,
                    "the zero point has another type than '\(source)'")
            }
            guard zeroPoint.axes == scale.axes else {
                throw QDQError(
                    .inconsistentQuantization, tensor: name,
                    "zero points and scales differ in number")
            }
        }
        let parameter = QDQParameter(
            constant: data, scales: scales, zeroPoints: points, axis: axis)
        try define(node, .parameter(parameter))
    }

    /// Axis of the scales, checked against the tensor; nil for one scale.
    private func parameterAxis(
        _ attributes: QDQAttributes, data: QDQConstant, scale: QDQConstant
    ) throws -> Int? {
        let given = try attributes.int("axis", default: 1)
        guard !scale.isScalar else { return nil }
        let rank = data.axes.count
        guard -rank..<rank ~= given else {
            throw QDQError(
                .inconsistentQuantization, tensor: data.name, "axis \(given) is none of its \(rank)"
            )
        }
        let axis = given < 0 ? given + rank : given
        guard scale.axes == [data.axes[axis]] else {
            throw QDQError(
                .inconsistentQuantization, tensor: scale.name,
                "\(scale.axes) scales do not fit axis \(axis) of \(data.axes)")
        }
        return axis
    }
}
