// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

/// libzmq treats this number as "the context was shut down".
let terminatedErrorNumber: Int32 = ETERM

/// One libzmq context: its I/O threads and the name space of its inproc endpoints.
///
/// Every ``Socket`` holds its context, so the context ends only after the last socket is closed and
/// its end cannot wait for a forgotten one. It may wait for the linger time of sockets that
/// said goodbye (at most one second).
///
/// Sendable although it holds a pointer: libzmq contexts are thread-safe and the pointer never
/// changes.
package final class Context: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer

    /// - Parameter ioThreads: 1 is enough for about 1 GB/s.
    /// - Throws: `.contextFailed`.
    package init(ioThreads: Int32 = 1) throws(ZeroMQError) {
        guard let handle = zmq_ctx_new() else { throw .library(.contextFailed) }
        guard zmq_ctx_set(handle, ZMQ_IO_THREADS, ioThreads) == 0 else {
            let failure = ZeroMQError.library(.contextFailed, detail: "\(ioThreads) I/O threads")
            zmq_ctx_term(handle)
            throw failure
        }
        self.handle = handle
    }

    deinit {
        // A signal interrupts the wait, not the termination.
        while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }

    /// Makes every call in progress and every later call on this context's sockets throw
    /// `.contextTerminated`. Callable from any thread.
    package func shutdown() {
        zmq_ctx_shutdown(handle)
    }
}
