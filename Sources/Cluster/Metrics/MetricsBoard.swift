// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Metrics one thread writes and another reads.
package final class MetricsBoard<Metrics: Sendable>: Sendable {
    private let metrics: Mutex<Metrics>

    /// Shows `metrics` until the first update.
    package init(_ metrics: Metrics) { self.metrics = Mutex(metrics) }

    /// Changes them under the lock; `change` must not use the board.
    package func update(_ change: (inout Metrics) -> Void) {
        metrics.withLock { change(&$0) }
    }

    /// A copy of what they are now.
    package var current: Metrics { metrics.withLock { $0 } }
}

/// What the coordinator's driver reports.
extension MetricsBoard where Metrics == CoordinatorMetrics {
    func sent(_ item: PeerTable.Item, _ frames: [[UInt8]], to worker: WorkerID, at now: Duration) {
        update { metrics in
            metrics.sent(bytes: frames.byteCount)
            if case .message(.task(let task)) = item {
                metrics.handedOut(task.id, to: worker, at: now)
            }
        }
    }
}

/// What the worker's driver reports.
extension MetricsBoard where Metrics == WorkerMetrics {
    func received(_ event: WorkerCore.Event, _ frames: [[UInt8]]) {
        var message: Message?
        if case .received(let known) = event { message = known }
        update { $0.received(bytes: frames.byteCount, message) }
    }
}

extension [[UInt8]] {
    var byteCount: Int { reduce(0) { $0 + $1.count } }
}
