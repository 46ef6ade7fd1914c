/// A worker process, whatever connection it speaks on.
package struct WorkerIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var host: String
    package var process: UInt32

    package init(host: String, process: UInt32) {
        self.host = host
        self.process = process
    }

    package static func < (left: WorkerIdentity, right: WorkerIdentity) -> Bool {
        (left.host, left.process) < (right.host, right.process)
    }

    package var description: String { "process \(process) on \(host)" }
}

extension Hello {
    package var identity: WorkerIdentity { WorkerIdentity(host: host, process: process) }
}

extension Hello {
    /// Stands for the coordinator where a result is its own.
    static let coordinator = Hello(
        golden: GoldenShard.digest, host: "", process: 0, threads: 1, isa: "", build: "")
}
