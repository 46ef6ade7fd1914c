// SPDX-License-Identifier: Apache-2.0

extension FineTuning {
    /// One step of the optimizer.
    func stepped(
        _ results: [GradientSums], epoch: Int, batch: Int
    ) throws(TuningError) -> TuningProgress {
        let groups = order.batches(epoch: epoch)[batch]
        let total = try sum(results, groups: groups, epoch: epoch, batch: batch)
        guard let rate = learningRate else { preconditionFailure("no step is open") }
        var next = progress
        next.stepLosses.append(total.loss / Double(total.images))
        next.epochLoss += total.loss
        next.epochImages += total.images
        if total.gradients.contains(where: { $0 != 0 }) { next.epochHasGradient = true }

        var proposed = next.masters
        options.optimizer.step(
            &proposed, gradients: masters.gradients(total.gradients, images: total.images),
            rate: rate, state: &next.optimizer)
        let kept = masters.update(to: proposed, masters: &next.masters, biases: &next.biases)
        if !kept.isEmpty {
            next.limitedChannels = Set(next.limitedChannels).union(kept).sorted()
        }

        if !next.optimizer.isFinite || runningLossHasDiverged(next) {
            next.validationLosses.append(.infinity)
            rollBack(&next, epoch: epoch)
        } else if batch + 1 < order.stepsPerEpoch {
            next.phase = .stepping(epoch: epoch, batch: batch + 1)
        } else {
            next.phase = .validating(epoch: epoch)
        }
        return next
    }

    private func runningLossHasDiverged(_ next: TuningProgress) -> Bool {
        next.epochImages >= measuredImages
            && hasDiverged(
                next.epochLoss / Double(next.epochImages),
                from: max(next.validationLosses[0], next.stepLosses[0]))
    }

    func hasDiverged(_ loss: Double, from reference: Double) -> Bool {
        // NaN compares false.
        !(loss <= Self.divergenceFactor * reference + Self.divergenceMargin)
    }

    /// Goes on from the best state with a lower learning rate, or ends where that was done too
    /// often.
    func rollBack(_ next: inout TuningProgress, epoch: Int) {
        next.divergedEpochs.append(epoch)
        if next.divergedEpochs.count > Self.rollbackLimit {
            finish(&next, .diverged)
            return
        }
        next.biases = next.best
        next.masters = masters.values(of: next.best)
        next.optimizer = options.optimizer.initialState(parameters: masters.count)
        next.rateScale *= Self.rollbackRate
        next.epochsSinceImprovement = 0
        beginEpoch(&next, after: epoch)
    }

    func beginEpoch(_ next: inout TuningProgress, after epoch: Int) {
        if epoch == options.epochs {
            finish(&next, .completed)
            return
        }
        next.epochLoss = 0
        next.epochImages = 0
        next.epochHasGradient = false
        next.phase = .stepping(epoch: epoch + 1, batch: 0)
    }

    func finish(_ next: inout TuningProgress, _ ending: TuningEnding) {
        next.biases = next.best
        next.masters = masters.values(of: next.best)
        next.ending = ending
        next.phase = .finished
    }

    /// Adds shards in order and stops at the first that makes a sum something else than a number.
    private func sum(
        _ results: [GradientSums], groups: [[Int]], epoch: Int, batch: Int
    ) throws(TuningError) -> GradientSums {
        precondition(results.count == groups.count)
        var total = GradientSums(channels: masters.count)
        for (shard, result) in results.enumerated() {
            precondition(result.gradients.count == masters.count)
            try checkImages(result.images, shard: shard, of: groups[shard])
            total.add(result)
            var broken: TuningError.Quantity?
            if !total.loss.isFinite {
                broken = .loss
            } else if let index = total.gradients.firstIndex(where: { !$0.isFinite }) {
                let place = masters.place(index)
                broken = .gradient(layer: place.layer, channel: place.channel)
            }
            if let broken {
                throw TuningError(
                    .notFinite(
                        broken, epoch: epoch, step: batch + 1, shard: shard,
                        images: groups[shard].map { $0 % imageCount }))
            }
        }
        return total
    }
}
