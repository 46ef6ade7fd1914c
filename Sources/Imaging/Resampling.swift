// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Filter taps for a stretch of the outputs along one axis, in fixed point with 22 fractional bits.
///
/// The same Double operations in the same order as Pillow's `precompute_coeffs` for 8-bit images,
/// so the same bits: the filter is widened by the scale when shrinking (antialiasing), cut at the
/// border, and its weights divided by their sum.
struct ResampleTaps: Equatable {
    /// First input of each output.
    private(set) var firsts: [Int32] = []
    /// Inputs of each output, at most `stride`.
    private(set) var counts: [Int32] = []
    /// `stride` weights for each output, zero after `counts`.
    private(set) var weights: [Int32] = []
    let stride: Int

    /// - Parameters:
    ///   - input: extent before, at least 1.
    ///   - output: extent after, at least 1.
    ///   - window: outputs wanted, within `0..<output`.
    ///   - interpolation: the filter.
    init(input: Int, output: Int, window: Range<Int>, interpolation: Interpolation) {
        let scale = Double(input) / Double(output)
        let filterScale = max(scale, 1)
        let support = interpolation.support * filterScale
        stride = Int(support.rounded(.up)) * 2 + 1
        firsts.reserveCapacity(window.count)
        counts.reserveCapacity(window.count)
        weights.reserveCapacity(window.count * stride)
        for index in window {
            let center = (Double(index) + 0.5) * scale
            let first = max(Int(center - support + 0.5), 0)
            let end = min(Int(center + support + 0.5), input)
            append(first: first, count: end - first, center: center, 1 / filterScale, interpolation)
        }
    }

    private mutating func append(
        first: Int, count: Int, center: Double, _ inverseScale: Double,
        _ interpolation: Interpolation
    ) {
        var row: [Double] = []
        row.reserveCapacity(count)
        var sum = 0.0
        for tap in 0..<count {
            let weight = interpolation.weight(
                at: (Double(tap + first) - center + 0.5) * inverseScale)
            row.append(weight)
            sum += weight
        }
        for weight in row {
            let scaled = (sum != 0 ? weight / sum : weight) * Double(1 << 22)
            weights.append(Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
        }
        for _ in count..<stride { weights.append(0) }
        firsts.append(Int32(first))
        counts.append(Int32(count))
    }

    /// Inputs that any of the outputs needs.
    var inputs: Range<Int> {
        guard let first = firsts.first, let last = firsts.last, let count = counts.last else {
            return 0..<0
        }
        return Int(first)..<Int(last + count)
    }

    /// Calls `body` with the C view of the taps, valid only during the call.
    func withTaps(_ body: (UnsafePointer<cic_taps>) -> Void) {
        firsts.withUnsafeBufferPointer { firsts in
            counts.withUnsafeBufferPointer { counts in
                weights.withUnsafeBufferPointer { weights in
                    var taps = cic_taps(
                        outputs: Int32(firsts.count), stride: Int32(stride),
                        firsts: firsts.baseAddress, counts: counts.baseAddress,
                        weights: weights.baseAddress)
                    body(&taps)
                }
            }
        }
    }
}

extension Interpolation {
    /// Half width of the filter before widening.
    var support: Double { self == .bilinear ? 1 : 2 }

    /// Triangle, or Keys's cubic with a = -0.5.
    func weight(at position: Double) -> Double {
        let x = abs(position)
        switch self {
        case .bilinear:
            return x < 1 ? 1 - x : 0
        case .bicubic:
            let a = -0.5
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
            return 0
        }
    }
}
