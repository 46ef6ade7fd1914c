// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// What the kernel says of this process.
enum ProcessFigures {
    /// A `kB` field of `/proc/self/status`, in bytes; 0 where there is none.
    static func memory(_ field: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix(field + ":") {
            return (Int(line.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0)
                << 10
        }
        return 0
    }

    /// Processor time so far, in seconds.
    static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Raises the soft limit of open files to the hard one: a simulated worker holds five.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// One line of JSON on standard output.
func report(_ values: [String: Double]) {
    let fields = values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
    print("{" + fields.joined(separator: ", ") + "}")
}
