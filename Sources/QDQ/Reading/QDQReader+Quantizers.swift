// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization

/// QuantizeLinear and DequantizeLinear.
extension QDQReader {
    func readQuantize(_ node: Onnx_NodeProto) throws {
        let source = try Self.operand(node, 0)
        if constants[source] != nil { return try readWeight(node, source: source) }
        let quantization = try tensorQuantization(node)
        switch try meaning(source) {
        case .image(let value, let isTransposed):
            guard activations[value] == nil else {
                guard activations[value] == quantization else {
                    throw QDQError(
                        .unsupported, tensor: source,
                        "the input is quantized twice, with different scales")
                }
                return try define(node, value: value, view(of: shape(of: value), .nchw))
            }
            if isTransposed { inputIsNHWC(value) }
            guard inputs[value].shape.isWithinLimits else {
                throw QDQError(.malformedGraph, tensor: source, "the input's shape is too large")
            }
            activations[value] = quantization
            try define(node, value: value, view(of: shape(of: value), .nchw))
        case .result(let index, let view):
            try define(node, value: try quantize(node, index, view, to: quantization), view)
        case .float(let value, let view):
            let same = activations[value] == quantization
            let id = same ? value : try requantize(node, value, view, to: quantization)
            try define(node, value: id, view)
        // Its range is known beforehand, so quantizers that quantize every operator quantize it as
        // well.
        case .function(let function, let logits, let view):
            try define(node, .function(function, of: logits, view))
        case .quantized, .weight, .parameter:
            throw QDQError(
                .unsupported, tensor: source, "QuantizeLinear must read float activations")
        }
    }

    func define(_ node: Onnx_NodeProto, value: ValueID, _ view: QDQView) throws {
        try define(node, .quantized(value, view))
        tensors[value] = tensors[value] ?? node.output.first
    }

    /// The value of a result behind its quantizer. Two quantizers of one result must agree; a
    /// max-pool selects among its input's values first.
    private func quantize(
        _ node: Onnx_NodeProto, _ index: Int, _ view: QDQView, to quantization: TensorQuantization
    ) throws -> ValueID {
        if let value = results[index].value, activations[value] == quantization { return value }
        let made = results[index].node
        if case .maxPool = made.operation, results[index].value == nil,
            let exact = exactActivation(of: results[index]), exact != quantization
        {
            let pooled = try take(index, activation: exact)
            results[index].isExact = true
            return try requantize(node, pooled, view, to: quantization)
        }
        return try take(index, activation: quantization)
    }

    /// A node that brings a value to another scale.
    private func requantize(
        _ node: Onnx_NodeProto, _ value: ValueID, _ view: QDQView,
        to quantization: TensorQuantization
    ) throws -> ValueID {
        let made = Node(
            name: node.nameOrOutput, operation: .clamp, inputs: [value], shape: shape(of: value))
        results.append(QDQResult(node: made, position: position))
        return try take(results.count - 1, activation: quantization)
    }

    /// QuantizeLinear over a float constant: weights that are stored in float.
    private func readWeight(_ node: Onnx_NodeProto, source: String) throws {
        let float = try constant(source)
        let steps = try steps(node, of: float, type: nil)
        guard let type = steps.type else {
            throw QDQError(
                .unsupportedType, tensor: source, "weights must be quantized to int8 or uint8")
        }
        var made = float
        made.elements = .bytes(try steps.quantized(float), type)
        try define(node, .weight(made, steps))
    }

    func readDequantize(_ node: Onnx_NodeProto) throws {
        let source = try Self.operand(node, 0)
        if constants[source] != nil { return try readParameter(node, try constant(source)) }
        if case .weight(let constant, let steps) = try meaning(source) {
            guard try self.steps(node, of: constant, type: steps.type) == steps else {
                throw QDQError(
                    .inconsistentQuantization, tensor: source,
                    "scale or zero point differ from those it was quantized with")
            }
            return try readParameter(node, constant)
        }
        if case .function = try meaning(source) { return try define(node, try meaning(source)) }
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

    /// What QuantizeLinear and DequantizeLinear may have up to operator set 23.
    private static let attributes: Set = [
        "axis", "saturate", "block_size", "output_dtype", "precision",
    ]

    /// Blocked quantization, and results of another type than the zero point's, are not read.
    private static func requireNoBlocks(_ attributes: QDQAttributes) throws {
        for name in ["block_size", "output_dtype", "precision"] {
            try attributes.require(name, 0)
        }
    }

    /// Scale and zero point of activations: scalars.
    private func tensorQuantization(_ node: Onnx_NodeProto) throws -> TensorQuantization {
        let attributes = try QDQAttributes(node, known: Self.attributes)
        try Self.requireNoBlocks(attributes)
        _ = try attributes.int("axis", default: 1)
        let scale = try constant(Self.operand(node, 1))
        guard scale.isScalar else {
            throw QDQError(
                .perChannelActivations, tensor: scale.name,
                "these activations have \(scale.axes) scales; runtimes compute that in float")
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

    private func readParameter(_ node: Onnx_NodeProto, _ data: QDQConstant) throws {
        let type: IntegerType? = if case .bytes(_, let type) = data.elements { type } else { nil }
        let parameter = QDQParameter(
            constant: data, steps: try steps(node, of: data, type: type))
        try define(node, .parameter(parameter))
    }

    /// Scales and zero points of a constant; `type` is that of its 8-bit elements, nil for int32
    /// and where the zero point decides.
    private func steps(
        _ node: Onnx_NodeProto, of data: QDQConstant, type: IntegerType?
    ) throws -> QDQParameter.Steps {
        let attributes = try QDQAttributes(node, known: Self.attributes)
        try Self.requireNoBlocks(attributes)
        let scale = try constant(Self.operand(node, 1))
        let scales = try scale.scales()
        let axis = try parameterAxis(attributes, data: data, scale: scale)
        var steps = QDQParameter.Steps(
            scales: scales, zeroPoints: [Int](repeating: 0, count: scales.count), axis: axis,
            type: type)
        guard let name = Self.optionalOperand(node, 2) else { return steps }
        let zeroPoint = try constant(name)
        switch (zeroPoint.elements, data.elements) {
        case (.bytes(let values, let found), .bytes) where found == type: steps.zeroPoints = values
        case (.bytes(let values, let found), .float):
            (steps.zeroPoints, steps.type) = (values, found)
        case (.int32(let values), .int32): steps.zeroPoints = values
        default:
            throw QDQError(
                .unsupportedType, tensor: name,
                "the zero point has another type than '\(data.name)'")
        }
        guard zeroPoint.axes == scale.axes || zeroPoint.isScalar && scale.isScalar else {
            throw QDQError(
                .inconsistentQuantization, tensor: name,
                "zero points and scales differ in number")
        }
        return steps
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

extension QDQParameter.Steps {
    /// QuantizeLinear, elements row-major: `clamp(rint(value / scale) + zeroPoint)`.
    fileprivate func quantized(_ constant: QDQConstant) throws -> [Int] {
        let type = type ?? .int8
        let values = try constant.floats()
        let inner = axis.map { constant.axes[($0 + 1)...].reduce(1, *) } ?? 1
        return try values.enumerated().map { index, value in
            guard value.isFinite else {
                throw QDQError(
                    .malformedGraph, tensor: constant.name, "element \(index) is \(value)")
            }
            let group = axis == nil ? 0 : index / inner % scales.count
            return TensorQuantization(
                scale: scales[group], zeroPoint: zeroPoints[group], type: type
            ).quantized(value)
        }
    }
}
