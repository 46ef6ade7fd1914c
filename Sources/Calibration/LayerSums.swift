// SPDX-License-Identifier: Apache-2.0

import Quantization

/// Per-channel sums of one convolution in the integer network over some images: a correction
/// round's result.
///
/// Integers, so that their sums are exact in any order.
struct LayerSums: Hashable, Sendable {
    /// Of the accumulators, without bias.
    var accumulators: [Int64]
    /// Of the 8-bit outputs, behind the clamps that follow; empty where means are matched in front
    /// of them.
    var outputs: [Int64]
    /// The same with every bias raised by ``QuantizedNetwork/outputStep(_:)``: how far an output
    /// follows its bias is their difference.
    var raisedOutputs: [Int64]

    init(channels: Int, _ match: Match) {
        accumulators = [Int64](repeating: 0, count: channels)
        outputs = match == .post ? accumulators : []
        raisedOutputs = outputs
    }

    mutating func add(_ other: LayerSums) {
        for channel in accumulators.indices {
            accumulators[channel] &+= other.accumulators[channel]
        }
        for channel in outputs.indices {
            outputs[channel] &+= other.outputs[channel]
            raisedOutputs[channel] &+= other.raisedOutputs[channel]
        }
    }

    static func payloadBytes(channels: Int, _ match: Match) -> Int {
        (match == .post ? 3 : 1) * channels * MemoryLayout<Int64>.size
    }

    func payload() -> [UInt8] {
        var writer = PayloadWriter()
        for values in [accumulators, outputs, raisedOutputs] { writer.append(values) }
        return writer.bytes
    }

    init(payload: [UInt8], channels: Int, _ match: Match) throws(CalibrationError) {
        self.init(channels: channels, match)
        var reader = PayloadReader(payload)
        accumulators = try reader.read(Int64.self, count: channels)
        outputs = try reader.read(Int64.self, count: outputs.count)
        raisedOutputs = try reader.read(Int64.self, count: outputs.count)
        try reader.finish()
    }
}
