// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import Testing

extension EndToEnd {
    /// A worker whose memory is bad: a bit of a weight flips after the weights passed their digest.
    @Suite(
        .serialized, .enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
    struct WrongBits {
        @Test func anAuditFindsTheWorker() throws {
            let scratch = try Scratch()
            let out = scratch("out")
            let config = try Example.patient(in: scratch)
            let cluster = try Cluster(
                flags: Example.flags(out: out, config: config) + ["--audit", "1"])
            let (liar, stall) = try cluster.stalledWorker()
            try liar.line(containing: "welcomed")
            try Self.spoilWeights(of: liar)
            let honest = try (0..<2).map { _ in try cluster.worker() }
            stall.resume()
            try cluster.coordinator.line(containing: "results differ", "shard=")
            try cluster.coordinator.line(
                containing: "worker quarantined", "pid=\(liar.identifier)", "host=", "build=")
            let outcome = try cluster.coordinator.finish()
            // Done, but a worker was shut out.
            #expect(outcome.status == 76, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
            for worker in [liar] + honest { try worker.end() }
        }

        /// Waits until the network has arrived at a worker that does not compute, then changes its
        /// first weight.
        private static func spoilWeights(of worker: ChildProcess) throws {
            let network = try ONNXImporter.loadFloatNetwork(
                path: Binary.root.appendingPathComponent(Example.model).path)
            let weights = try #require(network.parameters.compactMap { $0 }.first).weights
            let pattern = weights.prefix(16).flatMap { weight in
                withUnsafeBytes(of: weight.bitPattern.littleEndian) { Array($0) }
            }
            let memory = ForeignMemory(process: worker.identifier)
            let limit = TCP.now + ChildProcess.deadline
            // Checked against its digest when the socket's thread waits for messages again.
            var quiet = 0
            while quiet < 20 {
                guard TCP.now < limit else {
                    throw ForeignMemory.Failure(description: "the network does not arrive")
                }
                if quiet == 0, try memory.addresses(of: pattern).isEmpty { continue }
                quiet = isAsleep(worker.identifier) ? quiet + 1 : 0
                usleep(5_000)
            }
            try memory.flipBit(6, at: 2, behind: memory.addresses(of: pattern))
        }

        private static func isAsleep(_ thread: Int32) -> Bool {
            let text = try? String(contentsOfFile: "/proc/\(thread)/stat", encoding: .utf8)
            return text?.split(separator: ")").last?.hasPrefix(" S") == true
        }
    }
}
