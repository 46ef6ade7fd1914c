// SPDX-License-Identifier: Apache-2.0

extension FineTuning {
    /// The loss of the state reached after `epoch` epochs: keeps it if it is the best, and decides
    /// how to go on.
    func measured(_ results: [LossSums], epoch: Int) throws(TuningError) -> TuningProgress {
        let groups = measured
        precondition(results.count == groups.count)
        var total = LossSums(images: 0, loss: 0)
        for (shard, result) in results.enumerated() {
            try checkImages(result.images, shard: shard, of: groups[shard])
            total.add(result)
            // Nothing to go back to: the start itself has no loss.
            if epoch == 0 && !total.loss.isFinite {
                throw TuningError(
                    .notFinite(.loss, epoch: 0, step: 0, shard: shard, images: groups[shard]))
            }
        }
        let loss = total.loss / Double(total.images)
        var next = progress
        next.validationLosses.append(loss.isFinite ? loss : .infinity)
        if epoch == 0 {
            beginEpoch(&next, after: 0)
        } else if !loss.isFinite || hasDiverged(loss, from: next.validationLosses[0]) {
            rollBack(&next, epoch: epoch)
        } else {
            judge(loss, epoch: epoch, &next)
        }
        return next
    }

    private func judge(_ loss: Double, epoch: Int, _ next: inout TuningProgress) {
        if let best = next.bestLoss, loss < best {
            next.best = next.biases
            next.bestEpoch = epoch
            next.epochsSinceImprovement = 0
        } else {
            next.epochsSinceImprovement += 1
        }
        if !next.epochHasGradient {
            finish(&next, .noGradient)
        } else if epoch < options.epochs, options.patience > 0,
            next.epochsSinceImprovement >= options.patience
        {
            finish(&next, .stoppedEarly)
        } else {
            beginEpoch(&next, after: epoch)
        }
    }
}
