// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// One thread of another process, stopped by the kernel while the others run; goes on when this is
/// released.
///
/// Glibc's `ptrace` is variadic, which Swift cannot call, so it is looked up by name. Tracing
/// belongs to a thread, not to a process: one thread attaches, waits and detaches.
final class StoppedThread: Sendable {
    struct Failure: Error, CustomStringConvertible { var description: String }

    private let leave = DispatchSemaphore(value: 0)
    private let left = DispatchSemaphore(value: 0)

    /// Stops a worker's compute thread, waiting for it if the worker has just been started.
    convenience init(computeOf worker: ChildProcess) throws {
        let limit = TCP.now + ChildProcess.deadline
        while true {
            if let thread = Self.thread(named: "compute", of: worker.identifier) {
                try self.init(thread)
                return
            }
            guard TCP.now < limit else {
                throw Failure(description: "no compute thread in process \(worker.identifier)")
            }
            usleep(1_000)
        }
    }

    /// Returns when the thread stands.
    init(_ thread: Int32) throws {
        let stopped = DispatchSemaphore(value: 0)
        let outcome = Box()
        Thread.detachNewThread { [leave, left] in
            let failure = Self.stop(thread)
            outcome.failure = failure
            stopped.signal()
            if failure == nil, Self.guardDeath(of: thread, until: leave) {
                _ = Self.trace(Self.detach, thread)
            }
            left.signal()
        }
        stopped.wait()
        if let failure = outcome.failure { throw failure }
    }

    deinit { resume() }

    /// Lets the thread go on; does nothing the second time.
    func resume() {
        leave.signal()
        left.wait()
        left.signal()
    }

    private final class Box: @unchecked Sendable {
        // Sendable: written before the semaphore is signalled, read after.
        var failure: Failure?
    }

    /// `__WALL`: also threads that are no children.
    private static let anyThread: Int32 = 0x4000_0000
    private static let seize: Int32 = 0x4206
    private static let interrupt: Int32 = 0x4207
    private static let detach: Int32 = 17

    private static func stop(_ thread: Int32) -> Failure? {
        guard trace(seize, thread) == 0, trace(interrupt, thread) == 0 else {
            return Failure(
                description: "ptrace of thread \(thread): \(String(cString: strerror(errno)))")
        }
        var status: Int32 = 0
        guard waitpid(thread, &status, anyThread) == thread, status & 0xff == 0x7f else {
            return Failure(description: "thread \(thread) does not stop")
        }
        return nil
    }

    /// Reaps the thread if its process is killed: until then nobody else learns of the end of that
    /// process.
    /// - Returns: whether the thread still exists.
    private static func guardDeath(of thread: Int32, until leave: DispatchSemaphore) -> Bool {
        var status: Int32 = 0
        while leave.wait(timeout: .now() + 0.005) == .timedOut {
            guard waitpid(thread, &status, anyThread | WNOHANG) == 0 else { return false }
        }
        return true
    }

    private static func trace(_ request: Int32, _ thread: Int32) -> Int {
        typealias Function = @convention(c) (Int32, Int32, UInt, UInt) -> Int
        guard let symbol = dlsym(nil, "ptrace") else { return -1 }
        return unsafeBitCast(symbol, to: Function.self)(request, thread, 0, 0)
    }

    private static func thread(named name: String, of process: Int32) -> Int32? {
        let folder = "/proc/\(process)/task"
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return tasks.lazy.compactMap { Int32($0) }.first { task in
            let text = try? String(contentsOfFile: "\(folder)/\(task)/comm", encoding: .utf8)
            return text == name + "\n"
        }
    }
}
