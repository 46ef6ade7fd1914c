// SPDX-License-Identifier: Apache-2.0

/// Which images are held out, and in which order the others are learned from; a function of the
/// arguments alone.
///
/// With mirroring, position `images + p` is position p mirrored, on the same side of the split.
///
/// Pool positions are shuffled once. The first `round(validationShare * images)` are held out: at
/// least one if the share is above 0 and there are two images, never all of them. The rest is cut
/// into groups, one group per shard, which keep their images in all epochs, so that workers can
/// keep what they cached. An epoch is a permutation of the groups.
package struct DataOrder: Hashable, Sendable {
    /// Held-out positions in ascending order, cut into groups; empty without held-out images.
    package let validation: [[Int]]
    /// Groups of training positions, of `groupImages` each but for the last.
    package let training: [[Int]]
    /// Groups per step: `batch / groupImages`, at least 1.
    package let groupsPerBatch: Int
    private let seed: UInt64

    /// - Parameters:
    ///   - images: positions `0..<images`, at least 1.
    ///   - seed: decides split, groups and permutations.
    ///   - validationShare: in [0, 1).
    ///   - groupImages: at least 1.
    ///   - batch: images per step, at least 1.
    ///   - mirrors: whether positions go up to `2 * images`.
    package init(
        images: Int, seed: UInt64, validationShare: Double, groupImages: Int, batch: Int,
        mirrors: Bool = false
    ) {
        precondition(images >= 1 && groupImages >= 1 && batch >= 1)
        precondition((0..<1).contains(validationShare))
        var positions = Array(0..<images)
        var generator = SplitMix64(seed: seed, stream: 0)
        generator.shuffle(&positions)
        var held = Int((validationShare * Double(images)).rounded())
        if validationShare > 0 { held = min(max(held, 1), images - 1) }
        func groups(_ positions: [Int]) -> [[Int]] {
            let plain = Self.groups(positions, of: groupImages)
            return mirrors ? plain + plain.map { $0.map { $0 + images } } : plain
        }
        validation = groups(positions[..<held].sorted())
        training = groups(Array(positions[held...]))
        groupsPerBatch = max(1, batch / groupImages)
        self.seed = seed
    }

    /// Batches of one epoch: each a list of groups, each a list of pool positions; every training
    /// position once. The last batch may be smaller. Epochs count from 1.
    package func batches(epoch: Int) -> [[[Int]]] {
        precondition(epoch >= 1)
        var groups = training
        var generator = SplitMix64(seed: seed, stream: epoch)
        generator.shuffle(&groups)
        return stride(from: 0, to: groups.count, by: groupsPerBatch).map { start in
            Array(groups[start..<min(start + groupsPerBatch, groups.count)])
        }
    }

    /// Batches of an epoch, the last of which may be smaller.
    package var stepsPerEpoch: Int { (training.count + groupsPerBatch - 1) / groupsPerBatch }
    /// Positions learned from; mirrored ones count as images of their own.
    package var trainingImages: Int { training.reduce(0) { $0 + $1.count } }
    /// Positions held out; mirrored ones count as images of their own.
    package var validationImages: Int { validation.reduce(0) { $0 + $1.count } }

    private static func groups(_ positions: [Int], of size: Int) -> [[Int]] {
        stride(from: 0, to: positions.count, by: size).map { start in
            Array(positions[start..<min(start + size, positions.count)])
        }
    }
}
