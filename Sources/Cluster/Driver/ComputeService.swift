// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import ZeroMQ

/// A worker's compute thread: takes requests in order, answers through a queue the socket thread
/// drains.
final class ComputeService: Sendable {
    private struct State {
        var requests: [ComputeRequest] = []
        var outcomes: [ComputeOutcome] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let pending = DispatchSemaphore(value: 0)
    private let wakeup: Wakeup
    private let thread = Mutex<DedicatedThread?>(nil)

    /// - Parameters:
    ///   - threads: that split the images of a shard.
    ///   - wakeup: signalled after every outcome.
    /// - Throws: when no thread can be started.
    init(threads: Int, wakeup: Wakeup) throws {
        self.wakeup = wakeup
        let started = try DedicatedThread(name: "compute") { [self] in
            var host = ComputerHost(threads: threads)
            while let request = take() {
                let outcome = host.compute(request)
                state.withLock { $0.outcomes.append(outcome) }
                self.wakeup.signal()
            }
        }
        thread.withLock { $0 = started }
    }

    func submit(_ request: ComputeRequest) {
        state.withLock { $0.requests.append(request) }
        pending.signal()
    }

    func drain() -> [ComputeOutcome] {
        state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    /// Lets the thread end after the shard in work; does not wait for it.
    func stop() {
        state.withLock { $0.isStopping = true }
        pending.signal()
    }

    private func take() -> ComputeRequest? {
        pending.wait()
        return state.withLock { state in
            state.isStopping || state.requests.isEmpty ? nil : state.requests.removeFirst()
        }
    }
}
