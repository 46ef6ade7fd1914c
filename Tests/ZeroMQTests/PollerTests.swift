// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing
import ZeroMQ

@Suite struct PollerTests {
    @Test func wakeupFromAnotherThread() throws {
        let wakeup = try Wakeup()
        let pair = try Pair()
        let holder = Holder()
        let thread = try DedicatedThread(name: "signaller") {
            holder.value.store(42, ordering: .relaxed)
            wakeup.signal()
            wakeup.signal()
        }
        let events = try Poller.poll(
            [.socket(pair.coordinator), .wakeup(wakeup)], timeoutMilliseconds: -1)
        #expect(events == [[], .readable])
        thread.join()
        #expect(holder.value.load(ordering: .relaxed) == 42)
        #expect(wakeup.drain())
        #expect(!wakeup.drain())
        #expect(try Poller.poll([.wakeup(wakeup)], timeoutMilliseconds: 0) == [[]])
    }

    @Test func manySignalsAreOne() throws {
        let wakeup = try Wakeup()
        for _ in 0..<10_000 { wakeup.signal() }
        #expect(wakeup.drain())
        #expect(!wakeup.drain())
    }

    @Test func everyReadyItemIsReported() throws {
        let wakeup = try Wakeup()
        wakeup.signal()
        let pair = try Pair()
        try sendNow([[1]], on: pair.worker)
        try waitFor("the message", on: [.socket(pair.coordinator)]) {
            let events = try Poller.poll(
                [
                    .socket(pair.coordinator), .descriptor(wakeup.descriptor),
                    .socket(pair.worker, [.readable, .writable]),
                ], timeoutMilliseconds: -1)
            return events == [.readable, .readable, .writable] ? () : nil
        }
    }

    @Test func timeoutReturnsNothing() throws {
        let wakeup = try Wakeup()
        #expect(try Poller.poll([.wakeup(wakeup)], timeoutMilliseconds: 1) == [[]])
        #expect(try Poller.poll([], timeoutMilliseconds: 1) == [])
    }

    /// Signals interrupt the wait in the kernel and must not end it.
    @Test func signalsDoNotEndTheWait() throws {
        signal(SIGUSR2) { _ in }
        let wakeup = try Wakeup()
        let holder = Holder()
        let shared = Shared()
        let waiter = try DedicatedThread(name: "waiter") {
            shared.thread.withLock { $0 = pthread_self() }
            do {
                let events = try Poller.poll([.wakeup(wakeup)], timeoutMilliseconds: 60_000)
                if events != [.readable] { shared.failure.withLock { $0 = "\(events)" } }
            } catch {
                shared.failure.withLock { $0 = "\(error)" }
            }
            holder.value.store(1, ordering: .releasing)
        }
        for _ in 0..<200 {
            if let thread = shared.thread.withLock({ $0 }) { pthread_kill(thread, SIGUSR2) }
            sched_yield()
        }
        wakeup.signal()
        waiter.join()
        #expect(holder.value.load(ordering: .acquiring) == 1)
        #expect(shared.failure.withLock { $0 } == nil)
    }

    @Test func shutdownEndsAWaitWithoutEnd() throws {
        let context = try Context()
        let holder = Holder()
        let ready = try Wakeup()
        let thread = try DedicatedThread(name: "blocked") {
            do {
                let socket = try Socket.coordinator(
                    context, bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
                ready.signal()
                _ = try Poller.poll([.socket(socket)], timeoutMilliseconds: -1)
            } catch let error as ZeroMQError where error.code == .contextTerminated {
                holder.value.store(1, ordering: .releasing)
            } catch {
                ready.signal()
            }
        }
        _ = try Poller.poll([.wakeup(ready)], timeoutMilliseconds: -1)
        context.shutdown()
        thread.join()
        thread.join()
        #expect(holder.value.load(ordering: .acquiring) == 1)
    }
}

/// An integer two threads share.
final class Holder: Sendable {
    let value = Atomic<Int>(0)
}

/// What a waiting thread tells the others.
private final class Shared: Sendable {
    let thread = Mutex<pthread_t?>(nil)
    let failure = Mutex<String?>(nil)
}
