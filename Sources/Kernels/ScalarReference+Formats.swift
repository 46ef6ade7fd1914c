// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

// Conversions between float, accumulators and 8 bits; statistics.
extension ScalarReference {
    /// As ``Requantization`` says; elements are `[pixel][channel]` with a bias per channel.
    package static func requantize(
        _ accumulators: [Int32], bias: [Int32], requantization: Requantization
    ) -> [UInt8] {
        accumulators.enumerated().map { index, sum in
            let channel = index % bias.count
            let value = Float(sum &+ bias[channel]) * requantization.multipliers[channel]
            return byte(
                value, zeroPoint: requantization.zeroPoint, lower: requantization.lower,
                upper: requantization.upper)
        }
    }

    /// `Float(sum + bias) * scale`, with a bias and a scale per channel: accumulators of an output
    /// that stays float.
    package static func dequantizeAccumulators(
        _ accumulators: [Int32], bias: [Int32], scales: [Float]
    ) -> [Float] {
        accumulators.enumerated().map { index, sum in
            Float(sum &+ bias[index % bias.count]) * scales[index % bias.count]
        }
    }

    /// `saturate(rint(x / scale) + zeroPoint)`, ties to even (ONNX QuantizeLinear); NaN gives 0.
    package static func quantize(_ input: [Float], scale: Float, zeroPoint: UInt8) -> [UInt8] {
        input.map { byte($0 / scale, zeroPoint: zeroPoint, lower: 0, upper: 255) }
    }

    /// `(q - zeroPoint) * scale` (ONNX DequantizeLinear).
    package static func dequantize(_ input: [UInt8], scale: Float, zeroPoint: UInt8) -> [Float] {
        input.map { Float(Int($0) - Int(zeroPoint)) * scale }
    }

    /// Sums per channel over one image; see `StatisticsKernels.floatStatistics`.
    package struct FloatStatistics: Equatable {
        /// Of values before the clamp.
        package var sumsPre: [Double]
        /// Of values after the clamp.
        package var sumsPost: [Double]
        /// Of values after the clamp, squared.
        package var squaresPost: [Double]
        /// Smallest value after the clamp; infinity before the first.
        package var minPost: [Float]
        /// Largest value after the clamp; minus infinity before the first.
        package var maxPost: [Float]

        /// Of no image yet.
        package init(channels: Int) {
            sumsPre = Array(repeating: 0, count: channels)
            sumsPost = sumsPre
            squaresPost = sumsPre
            minPost = Array(repeating: .infinity, count: channels)
            maxPost = Array(repeating: -.infinity, count: channels)
        }

        /// Adds one value before its clamp, and the clamped `value`.
        mutating func add(before: Float, value: Float, channel: Int) {
            sumsPre[channel] += Double(before)
            sumsPost[channel] += Double(value)
            squaresPost[channel] += Double(value) * Double(value)
            minPost[channel] = value < minPost[channel] ? value : minPost[channel]
            maxPost[channel] = value > maxPost[channel] ? value : maxPost[channel]
        }
    }

    /// Sums `values` after clamping them in place.
    package static func floatStatistics(
        _ values: inout [Float], clamp: Clamp, into statistics: inout FloatStatistics
    ) {
        let channels = statistics.sumsPre.count
        for index in values.indices {
            let before = values[index]
            values[index] = clamp.applied(to: before)
            statistics.add(before: before, value: values[index], channel: index % channels)
        }
    }

    /// Exact sums of int32 accumulators or of 8-bit values.
    package static func sums(_ values: [some FixedWidthInteger], channels: Int) -> [Int64] {
        var sums = [Int64](repeating: 0, count: channels)
        for (index, value) in values.enumerated() { sums[index % channels] += Int64(value) }
        return sums
    }

    /// Sums per channel of `dequantized - reference` and of its square, in Double, pixels in order.
    package static func errorStatistics(
        _ reference: [Float], _ values: [UInt8], scale: Float, zeroPoint: UInt8, channels: Int
    ) -> (sums: [Double], squares: [Double]) {
        var sums = [Double](repeating: 0, count: channels)
        var squares = sums
        for (index, value) in dequantize(values, scale: scale, zeroPoint: zeroPoint).enumerated() {
            let error = Double(value) - Double(reference[index])
            sums[index % channels] += error
            squares[index % channels] += error * error
        }
        return (sums, squares)
    }
}
