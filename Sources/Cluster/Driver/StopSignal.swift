// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import ZeroMQ

/// SIGINT and SIGTERM as something a poll loop can wait for.
///
/// A handler, not an ignored signal with a watcher: there is no moment in which a signal is lost,
/// and processes started from here do not inherit that it is ignored.
package final class StopSignal: Sendable {
    let wakeup: Wakeup

    /// Signals concern the whole process, and so does what is known about them.
    private static let arrived = Atomic<Int32>(0)
    private static let shared = Result { try Wakeup() }

    /// - Throws: when the process is out of file descriptors.
    package init() throws {
        // Also makes both before the handler can run: it must not be the one to initialize them.
        wakeup = try Self.shared.get()
        _ = Self.arrived.load(ordering: .relaxed)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT] {
            signal(number) { StopSignal.receive($0) }
            sigaddset(&signals, number)
        }
        // Whoever started this process may have had them blocked; that is inherited.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func receive(_ number: Int32) {
        let interrupted = errno
        arrived.store(number, ordering: .relaxed)
        if case .success(let wakeup) = shared { wakeup.signal() }
        errno = interrupted
    }

    /// Name of the signal that arrived, nil while none has.
    package var received: String? {
        switch Self.arrived.load(ordering: .relaxed) {
        case 0: nil
        case SIGINT: "SIGINT"
        default: "SIGTERM"
        }
    }
}
