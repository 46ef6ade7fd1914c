// SPDX-License-Identifier: Apache-2.0

/// Weights that are worked on together.
typealias WeightLanes = SIMD8<Float>

extension WeightLanes {
    /// The weights from `index` on.
    init(_ weights: UnsafeBufferPointer<Float>, at index: Int) {
        self = UnsafeRawBufferPointer(weights).loadUnaligned(
            fromByteOffset: index * MemoryLayout<Float>.stride, as: WeightLanes.self)
    }

    /// As the standard library's `clamped` for numbers, which is not inlined.
    @inline(__always)
    func limited(to bounds: ClosedRange<Float>) -> WeightLanes {
        let (lowest, highest) = (
            Self(repeating: bounds.lowerBound), Self(repeating: bounds.upperBound)
        )
        let raised = replacing(with: lowest, where: self .< lowest)
        return raised.replacing(with: highest, where: raised .> highest)
    }

    /// Fewer than all, and zeros.
    init(padding weights: Slice<UnsafeBufferPointer<Float>>) {
        self = .zero
        for (lane, weight) in weights.enumerated() { self[lane] = weight }
    }
}

/// 8-bit weights of one convolution, before its bias.
struct QuantizedWeights {
    var values: [Int16]
    var type: IntegerType
    var scales: [Float]
    var zeroPoints: [Int]

    /// The same int8 weights as uint8 around 128 instead of 0.
    var unsigned: QuantizedWeights {
        precondition(type == .int8)
        return QuantizedWeights(
            values: values.map { $0 + 128 }, type: .uint8, scales: scales,
            zeroPoints: zeroPoints.map { $0 + 128 })
    }
}

/// What a group of weights that share a scale has to cover; contains 0.
struct WeightRange: Hashable {
    var lowest: Float
    var highest: Float

    /// From the smallest to the largest weight.
    init(of weights: ArraySlice<Float>) {
        (lowest, highest) = weights.withUnsafeBufferPointer { weights in
            var (low, high) = (WeightLanes.zero, WeightLanes.zero)
            let whole = weights.count - weights.count % WeightLanes.scalarCount
            for start in stride(from: 0, to: whole, by: WeightLanes.scalarCount) {
                let lanes = WeightLanes(weights, at: start)
                low.replace(with: lanes, where: lanes .< low)
                high.replace(with: lanes, where: lanes .> high)
            }
            return weights[whole...].reduce((low.min(), high.max())) {
                (min($0.0, $1), max($0.1, $1))
            }
        }
    }

    init(lowest: Float, highest: Float) {
        self.lowest = lowest
        self.highest = highest
    }
}

/// Scale and zero point for a group of weights.
struct WeightQuantizer {
    let symmetry: WeightSymmetry
    let bits: Int

    var type: IntegerType { symmetry == .symmetric ? .int8 : .uint8 }
    var levels: ClosedRange<Int> {
        switch symmetry {
        case .asymmetric: 0...((1 << bits) - 1)
        case .symmetric: -((1 << (bits - 1)) - 1)...((1 << (bits - 1)) - 1)
        }
    }

    /// Scale that makes the range fit the levels; 0 for an empty range.
    func scale(of range: WeightRange) -> Float {
        switch symmetry {
        case .asymmetric:
            Float((Double(range.highest) - Double(range.lowest)) / Double(levels.upperBound))
        case .symmetric:
            Float(Double(max(-range.lowest, range.highest)) / Double(levels.upperBound))
        }
    }

    func zeroPoint(of range: WeightRange, scale: Float) -> Int {
        guard symmetry == .asymmetric else { return 0 }
        let zero = (-Double(range.lowest) / Double(scale)).rounded(.toNearestOrEven)
        return min(max(Int(zero), levels.lowerBound), levels.upperBound)
    }

    /// `clamp(round-half-even(weight / scale) + zeroPoint)`. The bounds are integers, so the clamp
    /// may come first.
    private func quantize(_ weights: WeightLanes, scale: Float, zeroPoint: Int) -> SIMD8<Int16> {
        let level = (weights / scale).limited(
            to: Float(levels.lowerBound - zeroPoint)...Float(levels.upperBound - zeroPoint))
        // Adding 1.5 · 2²³ rounds to an integer, half to even, and leaves it in the low bits.
        let rounding = WeightLanes(repeating: 12_582_912)
        let bits = unsafeBitCast(level + rounding, to: SIMD8<Int32>.self)
        let steps = bits &- unsafeBitCast(rounding, to: SIMD8<Int32>.self)
        return SIMD8<Int16>(truncatingIfNeeded: steps &+ Int32(zeroPoint))
    }

    /// Quantizes weights in groups of `weights.count / ranges.count`, each with its own range and
    /// scale.
    /// - Parameters:
    ///   - weights: of one convolution.
    ///   - ranges: one per group.
    ///   - scales: as many, positive.
    /// - Returns: as many weights, and the zero point of each group.
    func quantize(
        _ weights: [Float], ranges: [WeightRange], scales: [Float]
    ) -> QuantizedWeights {
        precondition(
            ranges.count == scales.count && weights.count.isMultiple(of: scales.count))
        precondition(weights.allSatisfy(\.isFinite))
        let groupSize = weights.count / scales.count
        let zeroPoints = zip(ranges, scales).map { zeroPoint(of: $0, scale: $1) }
        let values = weights.withUnsafeBufferPointer { weights in
            [Int16](unsafeUninitializedCapacity: weights.count) { values, count in
                for (group, (scale, zero)) in zip(scales, zeroPoints).enumerated() {
                    let first = group * groupSize
                    let end = first + groupSize
                    for index in stride(from: first, to: end, by: WeightLanes.scalarCount) {
                        let lanes = min(end - index, WeightLanes.scalarCount)
                        // The last lanes of a group may lie in the next, or behind all.
                        let source =
                            index + WeightLanes.scalarCount <= weights.count
                            ? WeightLanes(weights, at: index)
                            : WeightLanes(padding: weights[index...])
                        let quantized = quantize(source, scale: scale, zeroPoint: zero)
                        for lane in 0..<lanes {
                            values.initializeElement(at: index + lane, to: quantized[lane])
                        }
                    }
                }
                count = weights.count
            }
        }
        return QuantizedWeights(values: values, type: type, scales: scales, zeroPoints: zeroPoints)
    }
}
