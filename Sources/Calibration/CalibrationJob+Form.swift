// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

extension CalibrationJob {
    /// Whether a result has the form of every honest result of that shard: its size, and the images
    /// it claims to cover. Its numbers can still be wrong.
    package func fits(_ payload: [UInt8], of shard: Shard, in kind: RoundKind) -> Bool {
        let convolved = ChannelLayout(network.graph, convolutionsOnly: true).total
        switch kind {
        case .statistics:
            let channels = ChannelLayout(network.graph).total
            return payload.count
                == 8 + 2 * 4 * network.graph.inputs.count + channels * (3 * 8 + 2 * 4)
                && payload.claimedImages == shard.images.count
        case .histograms:
            return payload.count == 8 + 8 * network.graph.nodes.count * ActivationHistograms.bins
                && payload.claimedImages == shard.images.count
        case .layerSums(let layer, let match):
            let nodes = network.graph.convolutions
            guard nodes.indices.contains(layer) else { return false }
            let channels = network.graph.nodes[nodes[layer]].shape.channels
            return payload.count == LayerSums.payloadBytes(channels: channels, match)
        case .measure:
            return payload.count == 8 + 4 * 8 * convolved
                && payload.claimedImages == shard.images.count
        case .teacher:
            let classes = network.graph.outputCount
            return payload.count == 4 * classes * shard.images.count
        case .loss:
            return payload.count == 8 + 8 && payload.claimedImages == shard.images.count
        case .gradient:
            return payload.count == 8 + 8 + 8 * convolved
                && payload.claimedImages == shard.images.count
        }
    }
}

extension CalibrationJob {
    /// Largest value that is taken for one without a second look: no network that is of use comes
    /// near it.
    private static let plausible = 1e20
    /// No sum over a shard has more terms.
    private static let terms = 1e9

    /// Whether a result that ``fits(_:of:in:)`` could be right by its numbers: all finite and of a
    /// size that networks have, minima below maxima, counts that add up. One that is not may still
    /// be right, for odd images.
    package func isPlausible(_ payload: [UInt8], of shard: Shard, in kind: RoundKind) -> Bool {
        payload.withUnsafeBytes { bytes in
            let numbers = Numbers(bytes: bytes, largest: Self.plausible, terms: Self.terms)
            let convolved = ChannelLayout(network.graph, convolutionsOnly: true).total
            switch kind {
            case .statistics:
                let channels = ChannelLayout(network.graph).total
                let inputs = network.graph.inputs.count
                let sums = 8 + 2 * 4 * inputs
                return numbers.areOrdered(at: 8, count: inputs)
                    && numbers.areSums(at: sums, count: 2 * channels)
                    && numbers.areSquares(at: sums + 2 * 8 * channels, count: channels)
                    && numbers.areOrdered(at: sums + 3 * 8 * channels, count: channels)
            case .histograms:
                return network.graph.nodes.enumerated().allSatisfy { index, node in
                    numbers.areCounts(
                        at: 8 + 8 * index * ActivationHistograms.bins,
                        count: ActivationHistograms.bins,
                        total: shard.images.count * node.shape.count)
                }
            case .layerSums(let layer, _):
                let node = network.graph.nodes[network.graph.convolutions[layer]]
                let pixels = Int64(shard.images.count * node.shape.pixels)
                let (sums, channels) = (payload.count / 8, node.shape.channels)
                return numbers.areWithin(pixels << 31, at: 0, count: channels)
                    && numbers.areWithin(
                        pixels * 255, at: 8 * channels, count: sums - channels)
            case .measure:
                return [0, 2].allSatisfy { part in
                    numbers.areSums(at: 8 + 8 * part * convolved, count: convolved)
                        && numbers.areSquares(
                            at: 8 + 8 * (part + 1) * convolved, count: convolved)
                }
            case .teacher:
                return numbers.areFloats(at: 0, count: payload.count / 4)
            case .loss, .gradient:
                return numbers.areSums(at: 8, count: payload.count / 8 - 1)
            }
        }
    }
}

/// Reads a payload's numbers where they lie.
private struct Numbers {
    let bytes: UnsafeRawBufferPointer
    let largest: Double
    let terms: Double

    private func all<Number: BitwiseCopyable>(
        _ type: Number.Type, at offset: Int, count: Int, _ test: (Number) -> Bool
    ) -> Bool {
        let size = MemoryLayout<Number>.size
        return (0..<count).allSatisfy {
            test(bytes.loadUnaligned(fromByteOffset: offset + $0 * size, as: type))
        }
    }

    func areSums(at offset: Int, count: Int) -> Bool {
        all(Double.self, at: offset, count: count) { abs($0) <= largest * terms }
    }

    func areSquares(at offset: Int, count: Int) -> Bool {
        all(Double.self, at: offset, count: count) {
            $0 >= 0 && $0 <= largest * largest * terms
        }
    }

    func areFloats(at offset: Int, count: Int) -> Bool {
        all(Float.self, at: offset, count: count) { abs($0) <= Float(largest) }
    }

    /// `count` minima, and as many maxima behind them.
    func areOrdered(at offset: Int, count: Int) -> Bool {
        areFloats(at: offset, count: 2 * count)
            && (0..<count).allSatisfy { index in
                let place = offset + index * 4
                return bytes.loadUnaligned(fromByteOffset: place, as: Float.self)
                    <= bytes.loadUnaligned(fromByteOffset: place + count * 4, as: Float.self)
            }
    }

    func areWithin(_ limit: Int64, at offset: Int, count: Int) -> Bool {
        all(Int64.self, at: offset, count: count) { $0 >= -limit && $0 <= limit }
    }

    func areCounts(at offset: Int, count: Int, total: Int) -> Bool {
        var rest = Int64(total)
        return all(Int64.self, at: offset, count: count) {
            guard $0 >= 0, $0 <= rest else { return false }
            rest -= $0
            return true
        } && rest == 0
    }
}

extension [UInt8] {
    /// The number most results begin with.
    fileprivate var claimedImages: Int {
        withUnsafeBytes { Int(Int64(littleEndian: $0.loadUnaligned(as: Int64.self))) }
    }
}
