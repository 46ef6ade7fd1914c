// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Convolutions and matrix products.
extension GraphTranslation {
    /// Conv over images; weights `[M, C / group, kH, kW]`.
    mutating func convolution(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 2...3,
            attributes: ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])
        let input = try imageOperand(of: call)
        guard let tensor = try parameters(1, of: call), let weights = tensor.reals else {
            throw call.malformed("has no weights.")
        }
        let groups = try call.integer("group") ?? 1
        let dims = tensor.dims
        guard dims.count == 4, groups >= 1, groups <= input.shape.channels,
            input.shape.channels == (dims[1].multipliedReportingOverflow(by: groups).partialValue),
            dims[0] >= 1, dims[0] % groups == 0
        else {
            throw call.error(
                .malformed, tensor: call.input(1),
                "weights of extents \(dims) do not fit \(input.shape.channels) channels in "
                    + "\(groups) groups.")
        }
        let window = try WindowAttributes(call, kernel: [dims[2], dims[3]])
            .resolved(for: input.shape, ceiling: false, at: call).window
        let bias = try bias(2, of: call, count: dims[0])
        let draft = DraftConvolution(
            convolution: Convolution(window: window, groups: groups, hadBias: bias != nil),
            weights: Self.permuted(
                weights, outputs: dims[0], inner: dims[2] * dims[3], channels: dims[1]),
            bias: bias ?? [Double](repeating: 0, count: dims[0]))
        return try append(
            .convolution(draft), as: .convolution(draft.convolution), of: input,
            outputChannels: dims[0], at: call)
    }

    /// Operand 0 as `[N, C, H, W]`.
    mutating func imageOperand(of call: OperatorCall) throws(ONNXError) -> Activation {
        let activation = try activation(0, of: call)
        guard activation.isOrdered(Activation.nchw) else {
            throw call.unsupported(
                "its input of extents \(activation.dims) is not an image [N, C, H, W].")
        }
        return activation
    }

    private mutating func bias(
        _ index: Int, of call: OperatorCall, count: Int
    ) throws(ONNXError) -> [Double]? {
        guard let tensor = try parameters(index, of: call) else { return nil }
        guard tensor.dims == [count], let values = tensor.reals else {
            throw call.error(
                .malformed, tensor: call.input(index),
                "bias of extents \(tensor.dims) does not fit \(count) outputs.")
        }
        return values.map { Double($0) }
    }

    /// `[outputs, channels, inner]` to `[outputs, inner, channels]`.
    static func permuted(
        _ values: [Float], outputs: Int, inner: Int, channels: Int
    ) -> [Float] {
        guard inner > 1, channels > 1 else { return values }
        return [Float](unsafeUninitializedCapacity: values.count) { result, count in
            values.withUnsafeBufferPointer { values in
                var target = 0
                for output in 0..<outputs {
                    for position in 0..<inner {
                        var source = output * channels * inner + position
                        for _ in 0..<channels {
                            result.initializeElement(at: target, to: values[source])
                            target += 1
                            source += inner
                        }
                    }
                }
            }
            count = values.count
        }
    }

    // MARK: Matrix products

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
    private struct Matrix {
        var outputs: Int
        var inputs: Int
        var rows: [Float]
    }

    private mutating func matrix(
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
    private mutating func product(
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
