// SPDX-License-Identifier: Apache-2.0

import Synchronization
import ZeroMQ

/// Serves a coordinator's socket while its job is prepared, on a thread of its own: who greets
/// hears that somebody is there, and who leaves meanwhile is forgotten.
final class FrontDesk: Sendable {
    private let isClosing = Atomic<Bool>(false)
    private let failure = Mutex<(any Error)?>(nil)
    private let wakeup: Wakeup
    private let thread: Mutex<DedicatedThread?>

    /// From here to ``close()`` the reception belongs to the desk. `upkeep` is called again and
    /// again; its first error is kept for ``close()``.
    /// - Throws: when the process is out of threads or descriptors.
    init(_ reception: Reception, upkeep: @escaping @Sendable () throws -> Void) throws {
        wakeup = try Wakeup()
        thread = Mutex(nil)
        // The calling thread does not touch it until the desk's is joined; both order memory.
        nonisolated(unsafe) let handedOver = reception
        let started = try DedicatedThread(name: "front-desk") { [self] in
            handedOver.adopt()
            do {
                try serve(handedOver, upkeep)
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        thread.withLock { $0 = started }
    }

    /// Ends the service; a second call does nothing. The reception then belongs to the caller, who
    /// has to adopt it.
    /// - Returns: the first error there was.
    func close() -> (any Error)? {
        isClosing.store(true, ordering: .releasing)
        wakeup.signal()
        thread.withLock { $0?.join() }
        return failure.withLock { $0 }
    }

    private func serve(_ reception: Reception, _ upkeep: () throws -> Void) throws {
        while !isClosing.load(ordering: .acquiring) {
            try reception.wait(beside: [wakeup])
            try reception.attend { try answer($0, reception) }
            guard failure.withLock({ $0 == nil }) else { continue }
            do {
                try upkeep()
            } catch {
                // Whoever prepares the job is to hear of it. Connections are served as long as that
                // takes.
                failure.withLock { $0 = error }
            }
        }
    }

    /// Nobody is admitted yet, so that there is only one thing to say.
    private func answer(_ event: Reception.Event, _ reception: Reception) throws {
        switch event {
        case .message(let worker, .goodbye, _), .malformed(let worker, _), .gone(let worker):
            try reception.forget(worker)
        case .message(let worker, _, _):
            reception.post(
                .message(.goodbye(reason: "greet first", isFinished: false)), to: worker)
        case .revoked(let worker):
            reception.post(.message(.refusal(reason: "key revoked")), to: worker)
            try reception.forget(worker)
        }
    }
}
