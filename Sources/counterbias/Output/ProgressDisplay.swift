// SPDX-License-Identifier: Apache-2.0

import Calibrating
import Calibration
import Cluster
import Logging
import PrintableText
import Quantization

/// A calibration's progress on stderr, a bar on a terminal and a line per stage elsewhere, and its
/// results on stdout.
final class ProgressDisplay: CalibrationWatcher {
    private let isTerminal = StatusLine.isPossible
    private let isQuiet: Bool
    private let printsJSON: Bool
    private let logger: Logger
    private let start = ContinuousClock.now
    private var workers = 0
    private var lastStage = ""
    private var lastDraw: ContinuousClock.Instant?
    private var tuning: TuningDisplay?

    init(quiet: Bool, printsJSON: Bool, logger: Logger) {
        isQuiet = quiet
        self.printsJSON = printsJSON
        self.logger = logger
    }

    func warn(_ text: String) { Console.warn(text, of: .input, logger: logger) }

    func roundsEnded() { StatusLine.clear() }

    func present(_ results: CalibrationResults) throws {
        if printsJSON {
            try Console.print(json: results.summary)
        } else {
            Console.print(results.table)
        }
        for warning in results.warnings {
            Console.warn(warning, of: .result, logger: logger)
        }
    }

    func show(_ news: CoordinatorNews) {
        guard !isQuiet else { return }
        switch news {
        case .workers(let count):
            workers = count
        case .quantized(let dead):
            let channels = dead.reduce(0) { $0 + $1.channels.count }
            logger.info(
                "network quantized", metadata: ["dead channels removed": "\(channels)"])
        case .progress(let round, let done, let total, let limit):
            draw(round: round, done: done, total: total, limit: limit)
        case .tuned(let stage):
            follow(stage)
        case .roundFinished(let round, let seconds, _):
            logger.debug(
                "round finished",
                metadata: [
                    "round": "\(round.index)", "seconds": "\(seconds.formatted(decimals: 3))",
                ])
        }
    }

    private func draw(round: Round, done: Int, total: Int, limit: Int) {
        let stage =
            switch round.kind {
            case .statistics: "statistics"
            case .histograms: "ranging"
            case .layerSums(let layer, _): "correcting layer \(layer + 1)"
            case .measure: "measuring"
            case .teacher: "teacher logits"
            case .loss: "validating"
            case .gradient: "tuning"
            }
        if round.kind.loss != nil, !isTerminal { return }
        guard isTerminal else {
            // One line per kind of round; layers would be too many.
            let kind = String(stage.prefix { $0 != " " })
            if kind != lastStage {
                switch Console.logFormat {
                case .text: StatusLine.print("\(kind): \(total) shards, \(workers) workers")
                case .json:
                    logger.notice(
                        "stage",
                        metadata: [
                            "stage": "\(kind)", "round": "\(round.index)", "shards": "\(total)",
                            "workers": "\(workers)",
                        ])
                }
            }
            lastStage = kind
            return
        }
        let now = ContinuousClock.now
        if let lastDraw, now - lastDraw < .milliseconds(50), done < total { return }
        lastDraw = now
        let share =
            (Double(round.index) + Double(done) / Double(max(total, 1))) / Double(max(limit, 1))
        let elapsed = (now - start).seconds
        StatusLine.show(
            StatusLine.Progress(
                share: share,
                parts: [stage] + (tuning?.status ?? []) + [
                    "\(done)/\(total) shards", "\(workers) workers",
                    "\(elapsed.formatted(decimals: 1)) s",
                ]))
    }

    /// Fine-tuning: a line per epoch, and on a terminal what the step in work does.
    private func follow(_ stage: FineTuning) {
        var display = tuning ?? TuningDisplay(stage, now: .now)
        let line = display.update(stage, now: .now)
        tuning = display
        guard let line else { return }
        switch Console.logFormat {
        case .text: StatusLine.print(line)
        case .json:
            let losses = stage.progress.validationLosses
            logger.notice(
                "epoch measured",
                metadata: [
                    "epoch": "\(losses.count - 1)", "epochs": "\(stage.options.epochs)",
                    "steps": "\(stage.progress.stepLosses.count)",
                    "validation loss": "\(losses.last?.significant ?? "")",
                ])
        }
    }
}
