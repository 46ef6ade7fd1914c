// SPDX-License-Identifier: Apache-2.0

/// What is true of an operator by its parameters alone: how it is called, what shape it makes of
/// its operands, and how scales go through it. Nothing else in the project infers shapes or knows
/// limits.
package protocol OperatorForm: Hashable, Sendable {
    /// Short name for tables: `conv 3×3 s2`, `depthwise 3×3`, `add`.
    /// - Parameter input: extents of the first operand.
    /// - Returns: the kind, with kernel, stride, dilation and groups where they say something.
    func kind(input: TensorShape) -> String

    /// Extents of the result.
    /// - Parameters:
    ///   - operands: extents of all operands, in order, each within ``SizeLimits``.
    ///   - outputChannels: rows of the weights, of an operator that has some; others ignore it.
    /// - Returns: what node and value have to have.
    /// - Throws: ``OperatorFault`` where parameters leave their limits or do not fit the operands.
    func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape

    /// Where scale and zero point of the result come from in a quantized network.
    var resultQuantization: ResultQuantization { get }

    /// What becomes of the scales of channels of feature maps, for equalization.
    var channelScaling: ChannelScaling { get }

    /// Whether every element of the result is one of an operand, the clamp aside: operands of one
    /// quantization give a result of the same.
    var selectsValues: Bool { get }

    /// Whether no element of the result can be negative, in front of the clamp.
    /// - Parameter operands: by operand, whether none of its elements can be.
    /// - Returns: false where that is not known.
    func isNonNegative(_ operands: [Bool]) -> Bool

    /// Whether it is one of feature maps only.
    var readsFeatures: Bool { get }

    /// Whether runtimes compute it in float where an operand or the result is float, as they do
    /// means, or always.
    var floatPrecision: FloatPrecision { get }
}

extension OperatorForm {
    /// From the range of the results.
    package var resultQuantization: ResultQuantization { .ownRange }
    /// Scales do not go through.
    package var channelScaling: ChannelScaling { .fixes }
    /// Results are new values.
    package var selectsValues: Bool { false }
    /// Not known.
    package func isNonNegative(_ operands: [Bool]) -> Bool { false }
    /// Tensors of any axes are read as well.
    package var readsFeatures: Bool { false }
    /// Always in integers.
    package var floatPrecision: FloatPrecision { .never }
}

/// Where the quantization of a result comes from.
package enum ResultQuantization: Hashable, Sendable {
    /// From the range of its values.
    case ownRange
    /// From the first operand: results are chosen among its values.
    case operand
    /// The same for every network, since the operator's values are; the zero point is that of
    /// uint8.
    case fixed(scale: Float, zeroPoint: Int)
}

/// How scaled channels of operands show in the result.
package enum ChannelScaling: Hashable, Sendable {
    /// Weights take the scales of the operand's channels, and give the result's.
    case absorbs
    /// A result's channel scales with the same channel of each operand.
    case passesOn
    /// The channels of the operands, one operand after the other, are the result's.
    case concatenates
    /// Scaled operands do not give a scaled result.
    case fixes
}

/// When runtimes dequantize the operands of an operator and compute it in float.
package enum FloatPrecision: Hashable, Sendable {
    case never
    /// Where an operand or the result has no quantizer.
    case amongFloats
    case always
}

/// Why an operator cannot have these parameters or operands.
package struct OperatorFault: Error, Hashable, CustomStringConvertible {
    /// A clause whose subject is the node: "reads 2 values instead of 1".
    package var description: String

    /// A fault with a clause whose subject is the node.
    package init(_ description: String) {
        self.description = description
    }
}

/// The one table of limits on extents and parameters, far above real networks, which keep all
/// arithmetic on them exact.
package enum SizeLimits {
    /// Rows, columns or channels of a value, images of a batch, extents of a kernel.
    package static let extent = 1 << 20
    /// Axes of a value, the batch axis left out.
    package static let axes = 5
    /// Elements of one image's value.
    package static let elements = 1 << 31
    /// Strides, dilations and pads of a window.
    package static let step = 1 << 12
    /// Positions in a window: counts up to here are exact in Float.
    package static let taps = 1 << 24
    /// Pixels of a mean: runtimes add 8-bit values in int32, and 255 times as many are the last
    /// that fit.
    package static let averaged = Int(Int32.max) / 255
}

extension TensorShape {
    /// Whether number of axes, extents and elements are within ``SizeLimits``.
    package var isWithinLimits: Bool {
        guard 1...SizeLimits.axes ~= axes.count, layout == .rowMajor || axes.count == 3 else {
            return false
        }
        var count = 1
        for extent in axes {
            guard 1...SizeLimits.extent ~= extent, count <= SizeLimits.elements / extent else {
                return false
            }
            count *= extent
        }
        return true
    }
}

extension Operation {
    /// Extents of the result, within ``SizeLimits``.
    /// - Parameters:
    ///   - operands: extents of all operands, in order.
    ///   - outputChannels: rows of the weights, of an operator that has some.
    /// - Returns: what node and value have to have.
    /// - Throws: ``OperatorFault`` where operands are missing, too many, too large, or do not fit.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int = 0
    ) throws(OperatorFault) -> TensorShape {
        for shape in operands where !shape.isWithinLimits {
            throw OperatorFault("reads a value of \(shape), which is out of bounds")
        }
        let form = form
        if form.readsFeatures, operands.contains(where: { $0.layout != .features }) {
            throw OperatorFault("reads a tensor that is no feature map")
        }
        let shape = try form.outputShape(of: operands, outputChannels: outputChannels)
        guard shape.isWithinLimits else {
            throw OperatorFault("gives \(shape), which is out of bounds")
        }
        return shape
    }

    /// Short name for tables.
    /// - Parameter input: extents of the first operand.
    /// - Returns: as ``OperatorForm/kind(input:)``.
    package func kind(input: TensorShape) -> String { form.kind(input: input) }
}

/// - Throws: ``OperatorFault`` where a mean is over more pixels than ``SizeLimits/averaged``.
func checkAveraged(_ pixels: Int) throws(OperatorFault) {
    guard pixels <= SizeLimits.averaged else {
        throw OperatorFault(
            "averages \(pixels) pixels, and int32 sums of 8-bit values hold at most "
                + "\(SizeLimits.averaged)")
    }
}

extension [TensorShape] {
    /// The only operand's extents.
    /// - Throws: ``OperatorFault`` unless there is exactly one.
    func single() throws(OperatorFault) -> TensorShape {
        guard count == 1 else { throw OperatorFault("reads \(count) values instead of 1") }
        return self[0]
    }

    /// Both operands' extents.
    /// - Throws: ``OperatorFault`` unless there are exactly two.
    func pair() throws(OperatorFault) -> (TensorShape, TensorShape) {
        guard count == 2 else { throw OperatorFault("reads \(count) values instead of 2") }
        return (self[0], self[1])
    }
}
