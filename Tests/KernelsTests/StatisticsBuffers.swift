// SPDX-License-Identifier: Apache-2.0

import Kernels

/// Guarded memory for the statistics of some channels.
struct StatisticsBuffers {
    private let sums: [Buffer<Double>]
    private let bounds: [Buffer<Float>]

    init(channels: Int) {
        let start = ScalarReference.FloatStatistics(channels: channels)
        sums = [start.sumsPre, start.sumsPost, start.squaresPost].map(Buffer.init)
        bounds = [start.minPost, start.maxPost].map(Buffer.init)
    }

    var pointers: ChannelStatistics {
        ChannelStatistics(
            sumsBefore: sums[0].pointer, sumsAfter: sums[1].pointer, squaresAfter: sums[2].pointer,
            lower: bounds[0].pointer, upper: bounds[1].pointer)
    }

    /// Whether they are these bits, with nothing written beside them.
    func hold(_ expected: ScalarReference.FloatStatistics) -> Bool {
        sums.map(\.values.bits)
            == [expected.sumsPre, expected.sumsPost, expected.squaresPost].map(\.bits)
            && bounds.map(\.values.bits) == [expected.minPost, expected.maxPost].map(\.bits)
            && sums.allSatisfy(\.isGuardIntact) && bounds.allSatisfy(\.isGuardIntact)
    }
}
