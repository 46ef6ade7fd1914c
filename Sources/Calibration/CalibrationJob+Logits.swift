// SPDX-License-Identifier: Apache-2.0

/// What rounds that make or compare logits see.
extension CalibrationJob {
    /// The images a round's positions count in: the pool; under the held-out check those held out;
    /// in fine-tuning those in use and then, if it mirrors, the same mirrored.
    /// - Parameters:
    ///   - kind: of the round.
    ///   - pool: all images in order, in whatever form.
    ///   - mirror: makes the mirrored form of one.
    /// - Returns: what positions of this round's shards index.
    package func images<Image>(
        of kind: RoundKind, in pool: [Image], mirror: (Image) throws -> Image
    ) rethrows -> [Image] {
        guard kind.comparesLogits else { return pool }
        if isCheckingHeldOut { return Array(pool[context.heldOutImages]) }
        guard let tuning, tuning.options.mirrors else { return pool }
        let used = Array(pool.prefix(tuning.imageCount))
        return try used + used.map(mirror)
    }

    /// Whether the next round is the held-out check's.
    package var isCheckingHeldOut: Bool { isTurn(of: HeldOutCheck.self) }

    /// What the network should answer on the images of fine-tuning or of the held-out check, by
    /// position; nil before it is known, and where nobody asks.
    package var targets: [TuningTarget]? {
        if isCheckingHeldOut {
            return targets(
                self[stage: HeldOutCheck.self]?.teacher ?? [], context.heldOutImages.count)
        }
        guard let tuning else { return nil }
        if let labels = context.labels, !tuning.options.loss.usesTeacher {
            let used = labels.prefix(tuning.imageCount).map { TuningTarget.label($0) }
            return tuning.options.mirrors ? used + used : used
        }
        return targets(self[stage: Tuning.self]?.teacher ?? [], tuning.positionCount)
    }

    private func targets(_ teacher: [Float], _ images: Int) -> [TuningTarget]? {
        guard !teacher.isEmpty else { return nil }
        let classes = teacher.count / images
        return (0..<images).map { image in
            .logits(Array(teacher[image * classes..<(image + 1) * classes]))
        }
    }
}
