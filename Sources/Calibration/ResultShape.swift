// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// What all honest results of a round look like: the arrays that lie in them one after another, and
/// the bounds that the numbers of any network keep.
package struct ResultShape: Hashable, Sendable {
    fileprivate enum Part: Hashable, Sendable {
        /// How many images the result covers, which are those of the shard.
        case images
        /// Sums over a shard, and sums of squares.
        case sums(Int), squares(Int)
        case floats(perImage: Int)
        /// Minima, and as many maxima behind them.
        case extrema(Int)
        case integers(Int, withinPerImage: Int64)
        /// What adds up to so many for each image.
        case counts(Int, perImage: Int)
    }

    private let parts: [Part]

    /// - Parameters:
    ///   - kind: of the round.
    ///   - graph: of the networks that it runs.
    package init(of kind: RoundKind, in graph: Graph) {
        let channels = ChannelLayout(graph).total
        let convolved = ChannelLayout(graph, convolutionsOnly: true).total
        switch kind {
        case .statistics:
            parts = [
                .images, .extrema(graph.inputs.count), .sums(2 * channels), .squares(channels),
                .extrema(channels),
            ]
        case .histograms:
            let bins = ActivationHistograms.bins
            parts = [.images] + graph.nodes.map { .counts(bins, perImage: $0.shape.count) }
        case .layerSums(let layer, let match):
            let shape = graph.nodes[graph.convolutions[layer]].shape
            let pixels = Int64(shape.pixels)
            let outputs = match == .post ? 2 * shape.channels : 0
            parts = [
                .integers(shape.channels, withinPerImage: pixels << 31),
                .integers(outputs, withinPerImage: pixels * 255),
            ]
        case .measure:
            parts = [
                .images, .sums(convolved), .squares(convolved), .sums(convolved),
                .squares(convolved),
            ]
        case .teacher:
            parts = [.floats(perImage: graph.outputCount)]
        case .loss:
            parts = [.images, .sums(1)]
        case .gradient:
            parts = [.images, .sums(1 + convolved)]
        }
    }

    /// Whether a result over so many images has this shape: its size, and the images it claims to
    /// cover. Its numbers can still be wrong.
    package func fits(_ payload: [UInt8], images: Int) -> Bool {
        guard payload.count == parts.reduce(0, { $0 + $1.byteCount(images: images) }) else {
            return false
        }
        return parts.first != .images || payload.claimedImages == images
    }

    /// Whether a result that ``fits(_:images:)`` could be right by its numbers: all finite and of a
    /// size that networks have, minima below maxima, counts that add up. One that is not may still
    /// be right, for odd images.
    package func isPlausible(_ payload: [UInt8], images: Int) -> Bool {
        payload.withUnsafeBytes { bytes in
            let numbers = Numbers(bytes: bytes)
            var offset = 0
            return parts.allSatisfy { part in
                defer { offset += part.byteCount(images: images) }
                switch part {
                case .images:
                    return true
                case .sums(let count):
                    return numbers.areSums(at: offset, count: count)
                case .squares(let count):
                    return numbers.areSquares(at: offset, count: count)
                case .floats(let count):
                    return numbers.areFloats(at: offset, count: count * images)
                case .extrema(let count):
                    return numbers.areOrdered(at: offset, count: count)
                case .integers(let count, let limit):
                    return numbers.areWithin(limit * Int64(images), at: offset, count: count)
                case .counts(let count, let total):
                    return numbers.areCounts(at: offset, count: count, total: total * images)
                }
            }
        }
    }
}

extension ResultShape.Part {
    fileprivate func byteCount(images: Int) -> Int {
        switch self {
        case .images: 8
        case .sums(let count), .squares(let count), .integers(let count, _), .counts(let count, _):
            8 * count
        case .floats(let count): 4 * count * images
        case .extrema(let count): 2 * 4 * count
        }
    }
}

/// Reads a payload's numbers where they lie.
private struct Numbers {
    let bytes: UnsafeRawBufferPointer

    /// Largest value that is taken for one without a second look: no network that is of use comes
    /// near it.
    private static let largest = 1e20
    /// No sum over a shard has more terms.
    private static let terms = 1e9

    private func all<Number: BitwiseCopyable>(
        _ type: Number.Type, at offset: Int, count: Int, _ test: (Number) -> Bool
    ) -> Bool {
        let size = MemoryLayout<Number>.size
        return (0..<count).allSatisfy {
            test(bytes.loadUnaligned(fromByteOffset: offset + $0 * size, as: type))
        }
    }

    func areSums(at offset: Int, count: Int) -> Bool {
        all(Double.self, at: offset, count: count) { abs($0) <= Self.largest * Self.terms }
    }

    func areSquares(at offset: Int, count: Int) -> Bool {
        all(Double.self, at: offset, count: count) {
            $0 >= 0 && $0 <= Self.largest * Self.largest * Self.terms
        }
    }

    func areFloats(at offset: Int, count: Int) -> Bool {
        all(Float.self, at: offset, count: count) { abs($0) <= Float(Self.largest) }
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
