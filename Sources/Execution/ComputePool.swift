// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// A fixed number of compute threads, each with its own workspace.
///
/// Threads split images, never one reduction, so results do not depend on their number.
package final class ComputePool: @unchecked Sendable {
    // Sendable: workspace k is touched by thread k of the one call in progress, which `busy`
    // checks.
    /// At least 1.
    package let threads: Int
    private let workspaces: [Workspace]
    private let busy = Mutex(false)

    /// - Parameter threads: at least 1.
    package init(threads: Int) {
        precondition(threads >= 1)
        self.threads = threads
        workspaces = (0..<threads).map { _ in Workspace() }
    }

    /// Calls `body` for every index in `0..<count` and returns the results in index order.
    package func map<Result: Sendable>(
        _ count: Int, _ body: @Sendable (Int, Workspace) -> Result
    ) -> [Result] {
        busy.withLock {
            precondition(!$0, "one call at a time"); $0 = true
        }
        defer { busy.withLock { $0 = false } }
        let lanes = min(threads, count)
        if lanes <= 1 { return (0..<count).map { body($0, workspaces[0]) } }
        let results = Mutex([Result?](repeating: nil, count: count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: lanes) { lane in
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                if index >= count { return }
                let result = body(index, workspaces[lane])
                results.withLock { $0[index] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// Calls `body` with the first workspace, on the calling thread.
    package func withWorkspace<Result>(_ body: (Workspace) throws -> Result) rethrows -> Result {
        busy.withLock {
            precondition(!$0, "one call at a time"); $0 = true
        }
        defer { busy.withLock { $0 = false } }
        return try body(workspaces[0])
    }
}
