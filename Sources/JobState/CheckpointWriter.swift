// SPDX-License-Identifier: Apache-2.0

import Calibration
import Dispatch
package import Logging
import Synchronization

/// Makes a job's states durable while the job goes on: rounds do not wait for the disk.
///
/// States that a newer one overtakes before their turn are not written. What a crash loses are
/// rounds, and running them again gives the same bits.
package final class CheckpointWriter: Sendable {
    private struct State {
        /// Not begun yet.
        var next: JobCheckpoint?
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let store: Mutex<JobStore>
    private let logger: Logger
    private let queue = DispatchQueue(label: "checkpoints")

    /// Writes to `store`, which is no longer anybody else's; says so at level debug.
    package init(_ store: JobStore, logger: Logger) {
        self.store = Mutex(store)
        self.logger = logger
    }

    /// Takes the newest state; returns at once.
    /// - Throws: what an earlier state failed with. Nothing is written any more then.
    package func save(_ checkpoint: JobCheckpoint) throws {
        let isFirst = try state.withLock { state in
            if let failure = state.failure { throw failure }
            defer { state.next = checkpoint }
            return state.next == nil
        }
        if isFirst { queue.async { [self] in write() } }
    }

    /// Returns when the newest state survives a power failure.
    /// - Throws: `StorageError`; the last state that was saved is intact.
    package func finish() throws {
        queue.sync {}
        try state.withLock { state in
            if let failure = state.failure { throw failure }
        }
    }

    private func write() {
        guard let checkpoint = state.withLock({ $0.next.take() }) else { return }
        do {
            try store.withLock { try $0.save(checkpoint) }
            logger.debug(
                "checkpoint saved", metadata: ["rounds": "\(checkpoint.progress.rounds)"])
        } catch {
            state.withLock { state in
                state.next = nil
                state.failure = error
            }
        }
    }
}
