// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a process holds, as the kernel counts it.
struct ProcessUse {
    /// Largest and present resident memory, in MiB.
    var peakMemory: Int
    var memory: Int
    var descriptors: Int

    init(_ process: ChildProcess) throws {
        let folder = "/proc/\(process.identifier)"
        let status = try String(contentsOfFile: folder + "/status", encoding: .utf8)
        func mebibytes(_ field: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field + ":") }
            let number = line?.split(whereSeparator: { !$0.isNumber }).first
            return (number.flatMap { Int($0) } ?? 0) / 1024
        }
        peakMemory = mebibytes("VmHWM")
        memory = mebibytes("VmRSS")
        descriptors = try FileManager.default.contentsOfDirectory(atPath: folder + "/fd").count
    }

    /// Looks again and again until the process is as `condition` wants it.
    /// - Throws: after a generous time.
    static func wait(
        for what: String, of process: ChildProcess, _ condition: (ProcessUse) -> Bool
    ) throws {
        let limit = Date(timeIntervalSinceNow: ChildProcess.deadline)
        while true {
            let use = try ProcessUse(process)
            if condition(use) { return }
            guard Date() < limit else {
                throw RawPeer.Failure(description: "waited in vain for \(what): \(use)")
            }
            usleep(10_000)
        }
    }
}
