// SPDX-License-Identifier: Apache-2.0

import Cluster
import Logging
import PrintableText

/// Progress of an evaluation on stderr: a bar on a terminal, a line per tenth elsewhere.
final class EvaluationDisplay {
    private let isQuiet: Bool
    private let logger: Logger
    private let start = ContinuousClock.now
    private var tenthsTold = -1

    init(quiet: Bool, logger: Logger) {
        isQuiet = quiet
        self.logger = logger
    }

    /// Something to check of the inputs, behind the end of the progress.
    func warn(_ text: String) {
        StatusLine.clear()
        Console.warn(text, of: .input, logger: logger)
    }

    /// - Parameters:
    ///   - done: images read so far, skipped ones included; 0 at the start.
    ///   - images: all of them.
    func show(done: Int, of images: Int) {
        guard !isQuiet else { return }
        let seconds = (ContinuousClock.now - start).seconds
        var parts = ["evaluating", "\(done)/\(images) images"]
        if done > 0, seconds > 0 {
            let rate = Double(done) / seconds
            let left = Double(images - done) / rate
            parts += ["\(rate.formatted(decimals: 1)) images/s"]
            parts += ["\(left.formatted(decimals: 0)) s left"]
        }
        if StatusLine.isPossible {
            StatusLine.show(
                StatusLine.Progress(share: Double(done) / Double(max(images, 1)), parts: parts))
            return
        }
        let tenths = 10 * done / max(images, 1)
        guard tenths > tenthsTold else { return }
        tenthsTold = tenths
        switch Console.logFormat {
        case .text: StatusLine.print("evaluating: " + parts.dropFirst().joined(separator: ", "))
        case .json:
            logger.notice("evaluating", metadata: ["done": "\(done)", "images": "\(images)"])
        }
    }
}
