import Foundation

/// What a process holds of the machine.
struct Vitals: CustomStringConvertible {
    var descriptors: Int
    var residentBytes: Int

    /// Nil if the process is gone.
    init?(of process: Int32) {
        guard
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd"),
            !files.isEmpty,
            let statistics = try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8),
            let pages = statistics.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        descriptors = files.count
        residentBytes = pages * Int(getpagesize())
    }

    var description: String { "\(descriptors) descriptors, \(residentBytes >> 10) KiB" }
}
