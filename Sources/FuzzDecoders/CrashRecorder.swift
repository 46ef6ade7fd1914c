// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Keeps the input at work when the process dies of it, hangs on it or runs out of memory.
enum CrashRecorder {
    // A signal handler may only read memory that is already there and call write(2). One thread
    // fuzzes; the handler runs on it or after it.
    nonisolated(unsafe) private static var input: UnsafeRawBufferPointer?
    nonisolated(unsafe) private static var path: UnsafePointer<CChar>?
    private static let started = Atomic<Int>(0)
    private static let seen = Atomic<Int>(0)

    /// Bytes a decoder may need for an input of a few kilobytes, the fuzzer included.
    private static let memory = rlim_t(4 << 30)
    /// One execution takes microseconds; one that outlives two ticks hangs.
    private static let tick = 5

    static func arm() {
        var limit = rlimit(rlim_cur: memory, rlim_max: memory)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] {
            signal(number) { CrashRecorder.record(dyingOf: $0) }
        }
        signal(SIGALRM) { _ in
            let started = CrashRecorder.started.load(ordering: .relaxed)
            if CrashRecorder.seen.exchange(started, ordering: .relaxed) == started {
                CrashRecorder.record(dyingOf: SIGALRM)
            }
        }
        var timer = itimerval(
            it_interval: timeval(tv_sec: tick, tv_usec: 0),
            it_value: timeval(tv_sec: tick, tv_usec: 0))
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
    }

    /// Runs `body` with `bytes` kept ready to be written to `path`.
    static func watch<Value>(
        _ bytes: [UInt8], path: String, _ body: () throws -> Value
    ) rethrows -> Value {
        started.add(1, ordering: .relaxed)
        return try bytes.withUnsafeBytes { source in
            try path.withCString { text in
                Self.path = text
                input = source
                defer { input = nil }
                return try body()
            }
        }
    }

    private static func record(dyingOf number: Int32) {
        if let input, let path {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            _ = write(descriptor, input.baseAddress, input.count)
            close(descriptor)
            for text in ["\ninput kept in ", nil, "\n"] as [StaticString?] {
                if let text {
                    _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
                } else {
                    _ = write(2, path, strlen(path))
                }
            }
        }
        signal(number, SIG_DFL)
        kill(getpid(), number)
        _exit(1)
    }
}
