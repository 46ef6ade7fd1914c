// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

/// Wakes a thread that waits in ``Poller/poll(_:timeoutMilliseconds:)``, from any other thread.
///
/// Signals add up to one: the waiting thread calls ``drain()`` first and then looks at its queues,
/// so that no signal given in between is lost.
package final class Wakeup: Sendable {
    /// An eventfd, readable from the first ``signal()`` until ``drain()``.
    package let descriptor: Int32

    /// - Throws: `.wakeupFailed` when the process is out of file descriptors.
    package init() throws(ZeroMQError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .system(.wakeupFailed) }
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. Callable from any thread and from signal handlers.
    package func signal() {
        var one: UInt64 = 1
        // The only expected failure besides EINTR is a full counter, which is readable already.
        while write(descriptor, &one, 8) < 0, errno == EINTR {}
    }

    /// Takes all signals given so far back.
    /// - Returns: whether there was any.
    @discardableResult package func drain() -> Bool {
        var count: UInt64 = 0
        while true {
            let got = read(descriptor, &count, 8)
            if got < 0, errno == EINTR { continue }
            return got == 8
        }
    }
}
