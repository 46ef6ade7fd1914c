// SPDX-License-Identifier: Apache-2.0

import CKernels

/// How accumulators become 8-bit values: `clamp(rint(Float(sum + bias) * multiplier) + zeroPoint,
/// lower, upper)`, ties to even.
package struct Requantization: Hashable, Sendable {
    /// `(inputScale * weightScale) / outputScale`, one per channel, finite.
    package var multipliers: [Float]
    /// Stored value of a real 0, on the scale of uint8.
    package var zeroPoint: UInt8
    /// Quantized bounds of the node's clamp, normally 0 and 255.
    package var lower: UInt8
    /// Not below `lower`.
    package var upper: UInt8

    /// Memberwise; bounds are checked where a kernel is called.
    package init(
        multipliers: [Float], zeroPoint: UInt8, lower: UInt8 = 0, upper: UInt8 = 255
    ) {
        self.multipliers = multipliers
        self.zeroPoint = zeroPoint
        self.lower = lower
        self.upper = upper
    }

    var target: ck_target { ck_target(zeroPoint: zeroPoint, lower: lower, upper: upper) }
}

/// Scale and zero point of an 8-bit operand or result.
package struct ByteQuantization: Hashable, Sendable {
    /// Positive and normal.
    package var scale: Float
    /// Stored value of a real 0, on the scale of uint8.
    package var zeroPoint: UInt8
    /// Quantized bounds of the node's clamp; only results use them.
    package var lower: UInt8
    /// Not below `lower`.
    package var upper: UInt8

    /// Memberwise; bounds are checked where a kernel is called.
    package init(scale: Float, zeroPoint: UInt8, lower: UInt8 = 0, upper: UInt8 = 255) {
        self.scale = scale
        self.zeroPoint = zeroPoint
        self.lower = lower
        self.upper = upper
    }

    var target: ck_target { ck_target(zeroPoint: zeroPoint, lower: lower, upper: upper) }
}

extension ck_target {
    init(zeroPoint: UInt8, lower: UInt8, upper: UInt8) {
        precondition(lower <= upper)
        self.init(zero_point: Int32(zeroPoint), lower: Int32(lower), upper: Int32(upper))
    }
}
