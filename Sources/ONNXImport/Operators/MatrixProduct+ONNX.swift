// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
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

    /// A feature map whose channels, or whose pixels and channels together, are the last axis.
    private mutating func matrixOperand(
        _ input: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        let (view, last) = (input.view, input.axes.last)
        if view.shape.layout == .features, view.hasBatchAxis || view.batch == 1 {
            if last == view.innermost { return input }
            let orders: [[Axis]] = [[.channel, .height, .width], [.height, .width, .channel]]
            if view.isOneVector, orders.contains(where: { last == view.whole($0) }) {
                return input
            }
        }
        return try pixels(of: input, at: call)
    }

    /// A matrix product as a convolution: over the whole image where its axes were flattened into
    /// one, else pixel by pixel.
    mutating func product(
        _ input: Activation, _ matrix: Matrix, scale: Double, bias: [Double]?,
        at call: OperatorCall
    ) throws(ONNXError) -> Value {
        guard input.dims.last == matrix.inputs else {
            throw call.malformed(
                "cannot multiply \(input.dims) by a matrix of \(matrix.inputs) rows.")
        }
        let input = try matrixOperand(input, at: call)
        let inner = input.dims.count - 1
        var weights = matrix.rows
        var window = Window(kernelHeight: 1, kernelWidth: 1)
        var shape = input.shape
        shape.channels = matrix.outputs
        let isWhole = input.view.isOneVector
        let channels = input.shape.channels
        if isWhole {
            window.kernelHeight = input.shape.height
            window.kernelWidth = input.shape.width
            shape.height = 1
            shape.width = 1
            if input.axes[inner] == input.view.whole([.channel, .height, .width]) {
                weights = Self.permuted(
                    weights, outputs: matrix.outputs, inner: input.shape.pixels,
                    channels: channels)
            }
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
        result.dims[inner] = matrix.outputs
        result.axes[inner] = result.view.innermost
        return append(.convolution(draft), [input.value], like: result, at: call)
    }
}

extension TensorView {
    /// Whether all of an image is in the last axis.
    fileprivate var isOneVector: Bool {
        axes.dropLast().joined().allSatisfy { $0.axis == .batch }
    }
}

extension QDQReading {
    /// Operand 0 as a vector of one pixel, or a feature map that was flattened channels first.
    private func vector(
        _ operand: QDQOperand, of node: Onnx_NodeProto, _ name: String
    ) throws -> ValueID {
        let view = operand.view.tensor
        guard view.dims.count == 2, view.hasBatchAxis else {
            throw QDQError(
                .unsupported, tensor: name, "\(node.opType) must read a matrix of one row per image"
            )
        }
        if view.shape.layout == .features,
            view.axes[1] == view.whole([.channel, .height, .width])
        {
            return operand.id
        }
        guard let steps = view.toPixels() else {
            throw QDQError(.unsupported, tensor: name, "mixes images of a batch")
        }
        return try apply(steps, to: operand, for: node).id
    }

    /// Gemm and MatMul. Weights are `[outputs, inputs]` for Gemm with transB, `[inputs, outputs]`
    /// for all others.
    func readFullyConnected(_ node: Onnx_NodeProto) throws {
        let isGemm = node.opType == "Gemm"
        let attributes = try QDQAttributes(
            node, known: isGemm ? ["alpha", "beta", "transA", "transB"] : [])
        try attributes.require("transA", 0)
        guard try attributes.float("alpha", default: 1) == 1,
            try attributes.float("beta", default: 1) == 1
        else { throw QDQError(.unsupported, "Gemm must have alpha = 1 and beta = 1") }
        let outputAxis = try attributes.int("transB", default: 0) == 0 ? 1 : 0
        let name = try Self.operand(node, 0)
        let source = try vector(value(name), of: node, name)
        let extent = shape(of: source)
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
            node, convolution, source: source, form: .vector,
            try weights.weights(rank: 2, taps: extent.pixels, outputAxis: outputAxis),
            outputs: axes[outputAxis])
    }
}
