// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Gemm (opset 7) and MatMul (opset 1) by a constant matrix: convolutions over the whole image, or
/// pixel by pixel.
extension ONNXOperator {
    static let gemm = ONNXOperator(
        ["Gemm"],
        translate: { call, network throws(ONNXError) in try network.gemm(call) },
        read: { node, reader in try reader.readFullyConnected(node) })

    static let matMul = ONNXOperator(
        ["MatMul"],
        translate: { call, network throws(ONNXError) in try network.matMul(call) },
        read: { node, reader in try reader.readFullyConnected(node) })
}

extension GraphTranslation {
    /// Gemm: `alpha * A * B + beta * C` with A from the network; B and C constant.
    mutating func gemm(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...3, attributes: ["alpha", "beta", "transA", "transB"])
        guard try !call.flag("transA", default: false) else {
            throw call.unsupported("transposes its input (transA).")
        }
        let input = try activation(0, of: call)
        guard input.dims.count == 2 else { throw call.malformed("its input is not a matrix.") }
        let isTransposed = try call.flag("transB", default: false)
        let alpha = try call.float("alpha") ?? 1
        let beta = try call.float("beta") ?? 1
        guard alpha.isFinite, beta.isFinite else {
            throw call.malformed("alpha or beta is not finite.")
        }
        let matrix = try matrix(of: call, isTransposed: isTransposed)
        var bias: [Double]?
        if let tensor = try parameters(2, of: call), let values = tensor.reals {
            let isRow = tensor.dims.dropLast().allSatisfy { $0 == 1 } && tensor.dims.count <= 2
            guard isRow, values.count == matrix.outputs || values.count == 1 else {
                throw call.error(
                    .unsupported, tensor: call.input(2),
                    "bias of extents \(tensor.dims) does not fit \(matrix.outputs) outputs.")
            }
            let row =
                values.count == 1
                ? [Float](repeating: values[0], count: matrix.outputs) : values
            bias = row.map { Double($0) * Double(beta) }
        }
        return try product(input, matrix, scale: Double(alpha), bias: bias, at: call)
    }

    /// MatMul by a constant matrix on the right.
    mutating func matMul(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...2)
        let input = try activation(0, of: call)
        guard input.dims.count >= 2 else { throw call.unsupported("its input is a vector.") }
        let matrix = try matrix(of: call, isTransposed: false)
        return try product(input, matrix, scale: 1, bias: nil, at: call)
    }

    /// A constant matrix, one row of `inputs` weights per output.
    struct Matrix {
        var outputs: Int
        var inputs: Int
        var rows: [Float]
    }

    mutating func matrix(
        of call: OperatorCall, isTransposed: Bool
    ) throws(ONNXError) -> Matrix {
        guard let tensor = try parameters(1, of: call), let values = tensor.reals,
            tensor.dims.count == 2, tensor.count > 0
        else {
            throw call.error(
                .unsupported, tensor: call.input(1), "must be a constant matrix of weights.")
        }
        if isTransposed {
            return Matrix(outputs: tensor.dims[0], inputs: tensor.dims[1], rows: values)
        }
        return Matrix(
            outputs: tensor.dims[1], inputs: tensor.dims[0],
            rows: Self.permuted(
                values, outputs: 1, inner: tensor.dims[1], channels: tensor.dims[0]))
    }

    /// A matrix product as a convolution: over the whole image where its axes were flattened into
    /// one, else pixel by pixel.
    mutating func product(
        _ input: Activation, _ matrix: Matrix, scale: Double, bias: [Double]?,
        at call: OperatorCall
    ) throws(ONNXError) -> Value {
        guard let inner = input.dims.last, let features = input.axes.last, inner == matrix.inputs
        else {
            throw call.malformed(
                "cannot multiply \(input.dims) by a matrix of \(matrix.inputs) rows.")
        }
        var weights = matrix.rows
        var window = Window(kernelHeight: 1, kernelWidth: 1)
        var shape = input.shape
        shape.channels = matrix.outputs
        let isWhole = input.axes.dropLast().joined().allSatisfy { $0 == .batch }
        let channels = input.shape.channels
        if isWhole {
            window.kernelHeight = input.shape.height
            window.kernelWidth = input.shape.width
            shape.height = 1
            shape.width = 1
            let ordered: (Axis) -> Bool = { input.extent(of: $0) > 1 }
            if features == [Axis.channel, .height, .width].filter(ordered) {
                weights = Self.permuted(
                    weights, outputs: matrix.outputs, inner: input.shape.pixels,
                    channels: channels)
            } else if features != [Axis.height, .width, .channel].filter(ordered) {
                throw call.unsupported("its input is flattened in an order other than CHW or HWC.")
            }
        } else if features != (channels == 1 ? [] : [.channel]) {
            throw call.unsupported("its input's last axis is not the channels.")
        }
        let isFirst = input.axes.first == (batch == 1 ? [] : [.batch])
        guard isFirst || !input.axes.joined().contains(.batch) else {
            throw call.unsupported("its input's first axis is not the batch.")
        }
        try Self.check(shape, at: call)
        let draft = DraftConvolution(
            convolution: Convolution(
                window: window, isFullyConnected: isWhole, hadBias: bias != nil),
            weights: weights,
            outputScale: scale == 1 ? nil : [Double](repeating: scale, count: matrix.outputs),
            bias: bias ?? [Double](repeating: 0, count: matrix.outputs))
        var result = input
        result.shape = shape
        result.dims[input.dims.count - 1] = matrix.outputs
        result.axes[input.dims.count - 1] = matrix.outputs == 1 ? [] : [.channel]
        return append(.convolution(draft), [input.value], like: result, at: call)
    }
}

extension QDQReader {
    /// Gemm and MatMul. Weights are `[outputs, inputs]` for Gemm with transB, `[inputs, outputs]`
    /// for all others.
    mutating func readFullyConnected(_ node: Onnx_NodeProto) throws {
        let isGemm = node.opType == "Gemm"
        let attributes = try QDQAttributes(
            node, known: isGemm ? ["alpha", "beta", "transA", "transB"] : [])
        try attributes.require("transA", 0)
        guard try attributes.float("alpha", default: 1) == 1,
            try attributes.float("beta", default: 1) == 1
        else { throw QDQError(.unsupported, "Gemm must have alpha = 1 and beta = 1") }
        let outputAxis = try attributes.int("transB", default: 0) == 0 ? 1 : 0
        let name = try Self.operand(node, 0)
        let source = try value(name)
        let extent = shape(of: source.id)
        let isOrdered = extent.pixels == 1 || source.view == .flat(.nchw)
        guard case .flat = source.view, isOrdered else {
            throw QDQError(
                .unsupported, tensor: name,
                "\(node.opType) must read a flattened NCHW feature map")
        }
        let weights = try parameter(Self.operand(node, 1))
        let axes = weights.constant.axes
        guard axes.count == 2, axes.allSatisfy({ 1...SizeLimits.extent ~= $0 }),
            axes[1 - outputAxis] == extent.count
        else {
            throw QDQError(
                .malformedGraph, tensor: weights.constant.name,
                "weights of shape \(axes) do not fit \(extent.count) inputs")
        }
        let convolution = Convolution(
            window: Window(kernelHeight: extent.height, kernelWidth: extent.width),
            isFullyConnected: true, hadBias: Self.optionalOperand(node, 2) != nil)
        try append(
            node, convolution, source: source.id, view: .flat(.nchw),
            try weights.weights(rank: 2, taps: extent.pixels, outputAxis: outputAxis),
            outputs: axes[outputAxis])
    }
}
