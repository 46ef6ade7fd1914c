// SPDX-License-Identifier: Apache-2.0

extension FineTuning {
    /// What a user should know of images and batches before it starts, one sentence each.
    package var notes: [String] {
        var notes: [String] = []
        let stepImages = order.batches(epoch: 1).map { $0.reduce(0) { $0 + $1.count } }.max() ?? 0
        if imageCount < options.images {
            notes.append(
                "fine-tuning uses all \(imageCount) images of the pool, fewer than the \(options.images) it may use"
            )
        }
        if order.trainingImages < options.batch {
            notes.append(
                "the batch of \(options.batch) is more than the \(order.trainingImages) training images: "
                    + "every epoch is one step over all of them")
        } else if stepImages != options.batch {
            notes.append(
                "a step takes whole shards: \(stepImages) images instead of the batch of \(options.batch)"
            )
        }
        if options.validationShare > 0 && order.validation.isEmpty {
            notes.append(
                "a single image cannot be held out: the best state is chosen on the image it is tuned on"
            )
        } else if order.validation.isEmpty {
            notes.append(
                "no images are held out: the best state is chosen on the images it is tuned on")
        }
        return notes
    }
}
