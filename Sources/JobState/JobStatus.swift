// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Quantization
package import Storage

/// Where a job stands, from what its folder holds; for people and scripts.
package struct JobStatus: Encodable, Hashable, Sendable {
    /// Whether anything is left to do, and whether it is being done.
    package enum State: String, Encodable, Sendable {
        /// A coordinator holds the folder.
        case running
        /// Nobody works on it; `--resume` goes on.
        case interrupted
        /// The results of this job are written.
        case finished
    }

    /// Who the lock of the folder names.
    package struct Coordinator: Encodable, Hashable, Sendable {
        /// Process identifier on that host.
        package var pid: Int32
        /// Host name; the folder may be shared.
        package var host: String
    }

    /// The stage that comes next, or is in work; counts from 1.
    package struct Stage: Encodable, Hashable, Sendable {
        /// preparing, statistics, ranging, guarding, correcting, tuning, measuring, writing, done
        package var name: String
        /// The convolution in work; nil in stages without one.
        package var layer: Int?
        /// Convolutions in all; nil in stages without one.
        package var layers: Int?
        /// Of fine-tuning; 0 before the first.
        package var epoch: Int?
        /// Epochs asked for; nil outside fine-tuning, and where the configuration cannot be read.
        package var epochs: Int?
        /// Of the epoch in work.
        package var step: Int?
        /// Of an epoch; nil unless a step is in work.
        package var steps: Int?
        /// The latest loss of a step, or of a validation before the first one.
        package var loss: Double?

        /// A stage of which nothing more is known.
        package init(_ name: String) { self.name = name }
    }

    /// The newest intact checkpoint.
    package struct Checkpoint: Encodable, Hashable, Sendable {
        /// Of its file.
        package var path: String
        /// Number in its name.
        package var generation: Int
        /// Seconds since it was written, at least 0.
        package var ageSeconds: Double
        /// Whether a later one is damaged, so that work is repeated.
        package var isFallback: Bool

        /// Memberwise, unchecked.
        package init(path: String, generation: Int, ageSeconds: Double, isFallback: Bool) {
            self.path = path
            self.generation = generation
            self.ageSeconds = ageSeconds
            self.isFallback = isFallback
        }
    }

    /// Follows from the lock and from what is there.
    package var state: State
    /// Who holds the folder, if its lock says so.
    package var coordinator: Coordinator?
    /// Digest in hexadecimal; nil before the first checkpoint.
    package var job: String?
    /// What comes next, or is in work.
    package var stage: Stage
    /// In the newest checkpoint; a running coordinator may be farther.
    package var roundsDone: Int
    /// Unknown in checkpoints that do not say.
    package var roundsAtMost: Int?
    /// How often a coordinator has started on this job.
    package var incarnation: UInt64
    /// Nil before the first one.
    package var checkpoint: Checkpoint?
    /// One sentence per damaged file.
    package var warnings: [String] = []
    /// What to do next.
    package var next = ""

    /// - Parameters:
    ///   - saved: content of the newest intact checkpoint and where it is; nil before the first.
    ///   - options: of the job, where its configuration can be read.
    ///   - imageCount: size of the job's pool.
    ///   - lock: who holds the folder.
    ///   - hasResults: whether the results of this very job are there.
    package init(
        saved: (content: JobCheckpoint, file: Checkpoint)?, options: CalibrationOptions? = nil,
        imageCount: Int = 0, lock: DirectoryLock.State, hasResults: Bool
    ) {
        let isFinished = saved?.content.progress.place == .finished
        switch lock {
        case .held(let holder):
            state = .running
            coordinator = holder.map { Coordinator(pid: $0.processID, host: $0.host) }
        case .free:
            state = isFinished && hasResults ? .finished : .interrupted
        }
        job = saved?.content.job.hex
        roundsDone = saved?.content.progress.rounds ?? 0
        roundsAtMost = saved?.content.roundLimit
        incarnation = saved?.content.epoch ?? 0
        checkpoint = saved?.file
        if let progress = saved?.content.progress {
            stage = Stage(progress, options: options, imageCount: imageCount)
            // A finished checkpoint under a coordinator: it writes results, or has just started
            // anew.
            if isFinished, state != .finished {
                stage = Stage(state == .running && hasResults ? "preparing" : "writing")
            }
        } else {
            stage = Stage("preparing")
        }
    }
}

extension JobStatus.Stage {
    fileprivate init(
        _ progress: CalibrationJob.Progress, options: CalibrationOptions?, imageCount: Int
    ) {
        self.init(progress.place == .finished ? "done" : progress.place.name)
        layer = progress.place.layer.map { $0 + 1 }
        layers = layer == nil ? nil : progress.biases?.layers.count
        if progress.place == .tuning, let tuning = progress.tuning {
            describe(tuning, options, imageCount: imageCount)
        }
    }

    private mutating func describe(
        _ tuning: TuningProgress, _ options: CalibrationOptions?, imageCount: Int
    ) {
        loss = tuning.stepLosses.last ?? tuning.validationLosses.last
        switch tuning.phase {
        case .teacher: epoch = 0
        case .validating(let done): epoch = done
        case .stepping(let epoch, let batch):
            self.epoch = epoch
            step = batch + 1
        case .finished: break
        }
        guard let options, let order = options.tuningOrder(pool: imageCount) else { return }
        epochs = options.tuning?.epochs
        if step != nil { steps = order.stepsPerEpoch }
    }
}
