// SPDX-License-Identifier: Apache-2.0

import CKernels

/// A pointwise convolution and the depthwise one that reads its output, computed a band of rows at
/// a time, so that what lies between them stays in the cache. Bits as of one after the other.
/// Re-entrant as both are.
package struct FloatConvolutionPair: Sendable {
    private let pointwise: FloatConvolution
    private let depthwise: FloatConvolution

    /// Whether what lies between them is larger than a common second-level cache.
    package var isFaster: Bool { ck_float_pair_is_faster(depthwise.packed) != 0 }

    /// Bytes of scratch memory one call needs, aligned to 64 bytes.
    package var scratchBytes: Int { ck_float_pair_scratch(depthwise.packed) }

    /// nil unless `first` is pointwise and `second` depthwise on its output's shape.
    package init?(_ first: FloatConvolution, _ second: FloatConvolution) {
        guard ck_float_pair_exists(first.packed, second.packed) != 0 else { return nil }
        pointwise = first
        depthwise = second
    }

    /// Both convolutions of one image with their clamps.
    /// - Parameters:
    ///   - input: NHWC.
    ///   - output: NHWC.
    ///   - statistics: where those of the first and of the second output are added.
    ///   - scratch: as ``scratchBytes`` says.
    package func run(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>,
        statistics: (ChannelStatistics, ChannelStatistics)? = nil,
        scratch: UnsafeMutableRawPointer
    ) {
        let table = depthwise.isa.table
        guard let statistics else {
            return ck_float_pair_run(
                table, pointwise.packed, depthwise.packed, input, output, nil, scratch)
        }
        withUnsafeTemporaryAllocation(of: ck_statistics.self, capacity: 2) { both in
            both.initializeElement(at: 0, to: statistics.0.pointers)
            both.initializeElement(at: 1, to: statistics.1.pointers)
            ck_float_pair_run(
                table, pointwise.packed, depthwise.packed, input, output, both.baseAddress, scratch)
        }
    }
}
