// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc
import Synchronization

/// A thread of its own for code that blocks, which Swift's shared thread pool does not tolerate.
package final class DedicatedThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Nil once joined.
    private let thread: Mutex<pthread_t?>

    /// Starts `body` on a new thread at once.
    /// - Parameters:
    ///   - name: shown by debuggers and `top -H`; its first 15 bytes count.
    ///   - body: should return when told to, or ``join()`` waits forever.
    /// - Throws: `.threadFailed`.
    package init(name: String, body: @escaping @Sendable () -> Void) throws(ZeroMQError) {
        let body = Unmanaged.passRetained(Body(name: name, run: body))
        var started = pthread_t()
        let status = pthread_create(
            &started, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                counterbias_name_this_thread(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        guard status == 0 else {
            body.release()
            throw ZeroMQError(.threadFailed, errorNumber: status, detail: name)
        }
        thread = Mutex(started)
    }

    deinit {
        thread.withLock { thread in
            if let thread { _ = pthread_detach(thread) }
        }
    }

    /// Waits until the body has returned; later calls return at once. Not from the thread itself.
    package func join() {
        thread.withLock { thread in
            guard let running = thread else { return }
            precondition(
                pthread_equal(running, pthread_self()) == 0, "a thread cannot wait for itself")
            pthread_join(running, nil)
            thread = nil
        }
    }
}
