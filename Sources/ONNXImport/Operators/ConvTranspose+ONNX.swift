// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// ConvTranspose (opset 1, 11) over images, as a Conv and blocks of its channels moved to pixels
/// (Shi et al., arXiv 1609.05158): with stride s each output pixel belongs to one of s² phases, and
/// each phase is a Conv of its own over the operand. So it has the products of the original and
/// runs in integers where runtimes have no 8-bit ConvTranspose.
extension ONNXOperator {
    static let convTranspose = ONNXOperator(
        ["ConvTranspose"],
        translate: { call, network throws(ONNXError) in try network.convTranspose(call) })
}

/// One axis of a ConvTranspose.
private struct TransposedAxis {
    /// Positions of the operand and of the result.
    var input: Int
    var output: Int
    var kernel: Int
    var stride: Int
    /// Positions cut off in front of the result.
    var pad: Int

    /// Taps of each phase.
    var taps: Int { (kernel + stride - 1) / stride }
    /// Positions that each phase is computed at.
    var steps: Int { max((pad + output - 1) / stride + 1, input) }

    /// Tap of the original kernel for a tap of a phase; nil where there is none.
    func source(_ tap: Int, phase: Int) -> Int? {
        let source = phase + stride * (taps - 1 - tap)
        return source < kernel ? source : nil
    }

    init(
        _ axis: Int, input: Int, kernel: Int, attributes: TransposedAttributes,
        at call: OperatorCall
    ) throws(ONNXError) {
        (self.input, self.kernel, stride) = (input, kernel, attributes.strides[axis])
        let whole = (input - 1) * stride + kernel + attributes.outputPadding[axis]
        switch attributes.autoPad {
        case "SAME_UPPER", "SAME_LOWER":
            output = input * stride
            let total = max(whole - output, 0)
            pad = attributes.autoPad == "SAME_UPPER" ? total / 2 : total - total / 2
        case "VALID": (output, pad) = (whole, 0)
        default:
            pad = attributes.pads[axis]
            output = whole - pad - attributes.pads[axis + 2]
        }
        guard output >= 1 else { throw call.malformed("its pads leave nothing of its result.") }
    }
}

private struct TransposedAttributes {
    static let known: Set = [
        "auto_pad", "dilations", "group", "kernel_shape", "output_padding", "pads", "strides",
    ]

    var strides: [Int]
    var pads: [Int]
    var outputPadding: [Int]
    var autoPad: String
    var groups: Int

    init(_ call: OperatorCall, kernel: [Int]) throws(ONNXError) {
        let steps = 1...SizeLimits.step
        strides = try call.integers("strides", count: 2, in: steps, default: 1)
        pads = try call.integers("pads", count: 4, in: 0...SizeLimits.step, default: 0)
        outputPadding = try call.integers(
            "output_padding", count: 2, in: 0...SizeLimits.step, default: 0)
        autoPad = try call.string("auto_pad") ?? "NOTSET"
        groups = try call.integer("group") ?? 1
        let given = try call.integers(
            "kernel_shape", count: 2, in: 1...SizeLimits.extent, default: 1)
        guard given == kernel || !call.has("kernel_shape") else {
            throw call.malformed("its kernel_shape is not that of its weights, \(kernel).")
        }
        guard try call.integers("dilations", count: 2, in: steps, default: 1) == [1, 1] else {
            throw call.unsupported("is dilated.")
        }
        guard ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"].contains(autoPad) else {
            throw call.malformed("has an unknown auto_pad.")
        }
    }
}

extension GraphTranslation {
    fileprivate mutating func convTranspose(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...3, attributes: TransposedAttributes.known)
        let input = try imageOperand(of: call)
        guard let tensor = try parameters(1, of: call), let weights = tensor.reals else {
            throw call.malformed("has no weights.")
        }
        let dims = tensor.dims
        guard dims.count == 4, dims[0] == input.shape.channels, dims.allSatisfy({ $0 >= 1 }) else {
            throw call.error(
                .malformed, tensor: call.input(1),
                "weights of extents \(dims) do not fit \(input.shape.channels) channels.")
        }
        let attributes = try TransposedAttributes(call, kernel: [dims[2], dims[3]])
        let groups = attributes.groups
        guard groups >= 1, dims[0] % groups == 0 else {
            throw call.malformed("its \(groups) groups do not divide \(dims[0]) channels.")
        }
        let rows = try TransposedAxis(
            0, input: input.shape.height, kernel: dims[2], attributes: attributes, at: call)
        let columns = try TransposedAxis(
            1, input: input.shape.width, kernel: dims[3], attributes: attributes, at: call)
        let bias = try bias(2, of: call, count: dims[1] * groups)
        let phases = rows.stride * columns.stride
        let window = Window(
            kernelHeight: rows.taps, kernelWidth: columns.taps, padTop: rows.taps - 1,
            padLeft: columns.taps - 1, padBottom: rows.steps - rows.input,
            padRight: columns.steps - columns.input)
        guard phases * dims[1] * groups <= SizeLimits.extent else {
            throw call.unsupported("has too many phases.")
        }
        let draft = DraftConvolution(
            convolution: Convolution(window: window, groups: groups, hadBias: bias != nil),
            weights: Self.phases(of: weights, dims, groups: groups, rows, columns),
            bias: (0..<groups * phases * dims[1]).map { channel in
                let group = channel / (phases * dims[1])
                return bias?[group * dims[1] + channel % dims[1]] ?? 0
            })
        let result = try append(
            .convolution(draft.convolution), of: input, weights: draft, at: call)
        guard case .activation(let activation) = result else { return result }
        return .activation(
            try joined(activation, outputs: dims[1], groups: groups, rows, columns, at: call))
    }

    /// `[group, row phase, column phase, output][row tap][column tap][input]` of weights `[inputs,
    /// outputs / groups, kH, kW]`.
    private static func phases(
        of weights: [Float], _ dims: [Int], groups: Int, _ rows: TransposedAxis,
        _ columns: TransposedAxis
    ) -> [Float] {
        let inputs = dims[0] / groups
        var result: [Float] = []
        result.reserveCapacity(
            dims[0] * dims[1] * rows.taps * rows.stride * columns.taps * columns.stride)
        for group in 0..<groups {
            for rowPhase in 0..<rows.stride {
                for columnPhase in 0..<columns.stride {
                    for output in 0..<dims[1] {
                        for rowTap in 0..<rows.taps {
                            for columnTap in 0..<columns.taps {
                                let y = rows.source(rowTap, phase: rowPhase)
                                let x = columns.source(columnTap, phase: columnPhase)
                                for input in group * inputs..<(group + 1) * inputs {
                                    guard let y, let x else {
                                        result.append(0)
                                        continue
                                    }
                                    let plane = input * dims[1] + output
                                    result.append(weights[(plane * dims[2] + y) * dims[3] + x])
                                }
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// Phases between each other's pixels, without what the pads cut off.
    private mutating func joined(
        _ activation: Activation, outputs: Int, groups: Int, _ rows: TransposedAxis,
        _ columns: TransposedAxis, at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        let batch = activation.dims[0]
        let apart = activation.view.reshaped(to: [
            batch, groups, rows.stride, columns.stride, outputs, rows.steps, columns.steps,
        ])
        let joined = apart?.transposed([0, 1, 4, 5, 2, 6, 3]).reshaped(to: [
            batch, groups * outputs, rows.steps * rows.stride, columns.steps * columns.stride,
        ])
        guard let joined else { throw call.unsupported("its phases cannot be joined.") }
        var result = activation.viewed(joined, by: call.name + "_phases")
        for (axis, line) in [(2, rows), (3, columns)] {
            let kept = Array(line.pad..<line.pad + line.output)
            guard let steps = result.view.taking(kept, along: axis) else {
                throw call.unsupported("its phases cannot be cut.")
            }
            result = try apply(steps, to: result, at: call)
        }
        return result
    }
}
