// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@testable import Cluster

extension EndToEnd {
    /// One listed key that does what it can, beside one honest worker with another: the bits of a
    /// quiet run, and where it lied its name.
    @Suite(.serialized) struct ListedPeer {
        enum Trick: String, CaseIterable {
            /// Two connections under two names give the same wrong results.
            case twoNames
            /// It answers everything, also what others were given, and wrongly.
            case claims
            /// Results without a number in them.
            case nonsense
            /// Results beyond what any network has.
            case giants
            /// It takes shards, moves on and on, and never answers.
            case stalls
            /// It reports every shard as failed.
            case failures
            /// It is the honest worker, it says, and lies.
            case namesake
        }

        private static let lies: Set<Trick> = [.twoNames, .claims, .nonsense, .giants, .namesake]

        /// The event that tells of it.
        private static func event(of trick: Trick) -> String {
            switch trick {
            case .twoNames, .namesake: "results differ"
            case .nonsense, .giants: "computing a shard here"
            case .claims: "result ignored"
            case .stalls: "straggler duplicated"
            case .failures: "shard failed"
            }
        }

        @Test(arguments: Trick.allCases) func besideAnHonestWorker(trick: Trick) throws {
            let guarded = try GuardedCluster(flags: ["--audit", "1"])
            let out = guarded.out
            let honest = try guarded.worker("two")
            // It is there first.
            honest.pause()
            let process = trick == .namesake ? UInt32(honest.identifier) : 7
            let peers = try ["left", "right"].map { name in
                try TreacherousWorker(
                    guarded, key: "one", host: trick == .namesake ? Self.host : name,
                    process: process, twist: Self.twist(trick))
            }
            let limit = Date(timeIntervalSinceNow: ChildProcess.deadline)
            while peers.contains(where: { $0.tasks == 0 && !$0.isShutOut }), Date() < limit {
                for peer in peers { try peer.step() }
            }
            let start = ContinuousClock.now
            honest.signal(SIGCONT)
            var memory = guarded.quiet.peakMemory
            while guarded.coordinator.isRunning, Date() < limit {
                for peer in peers { try peer.step() }
                if let use = try? ProcessUse(guarded.coordinator) {
                    memory = max(memory, use.peakMemory)
                }
            }
            let outcome = try guarded.coordinator.finish()
            let time = ContinuousClock.now - start
            print(
                "listed peer, \(trick): \(time), \(try Self.alone.get()) without it, "
                    + "memory +\(memory - guarded.quiet.peakMemory) MiB")
            #expect(outcome.status == (Self.lies.contains(trick) ? 76 : 0), "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
            #expect(outcome.log.contains(Self.event(of: trick)), "\(outcome.log)")
            let quarantined = outcome.log.split(separator: "\n").filter {
                $0.contains("worker quarantined")
            }
            if Self.lies.contains(trick) {
                #expect(quarantined.count == 1 && quarantined.allSatisfy { $0.contains("key=one") })
            } else {
                #expect(quarantined.isEmpty)
            }
            try honest.end()
        }

        /// How long the honest worker takes by itself.
        private static let alone = Result {
            let guarded = try GuardedCluster(flags: ["--audit", "1"])
            let start = ContinuousClock.now
            let honest = try guarded.worker("two")
            let outcome = try guarded.coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            try honest.end()
            return ContinuousClock.now - start
        }

        private static let host = ProcessInfo.processInfo.hostName

        private static func twist(_ trick: Trick) -> TreacherousWorker.Twist {
            var progress: UInt64 = 0
            return { message in
                switch (trick, message) {
                case (.stalls, .heartbeat):
                    progress += 1
                    return [.heartbeat(progress: progress)]
                case (.stalls, .result): return []
                case (.failures, .result(let result)):
                    return [.failure(result.id, reason: "no luck")]
                case (.claims, .result(var result)):
                    let own = result
                    result.payload[min(8, result.payload.count - 1)] ^= 1
                    let claims = (0..<4).flatMap { shard in
                        (0..<3).map { attempt in
                            var claim = result
                            (claim.id.shard, claim.id.attempt) = (shard, attempt)
                            return claim
                        }
                    }
                    // What it was given itself it answers as it should.
                    return claims.filter { $0.id != own.id }.map { .result($0) } + [.result(own)]
                case (.nonsense, .result(let result)):
                    return [.result(filled(result, with: .nan))]
                case (.giants, .result(let result)):
                    return [.result(filled(result, with: 3e38))]
                case (.twoNames, .result(var result)), (.namesake, .result(var result)):
                    result.payload[min(8, result.payload.count - 1)] ^= 1
                    return [.result(result)]
                default: return [message]
                }
            }
        }

        /// Everything behind the number of images.
        private static func filled(_ result: ShardResult, with value: Double) -> ShardResult {
            var result = result
            let pattern = withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
            for index in 8..<max(8, result.payload.count) {
                result.payload[index] = pattern[index % 8]
            }
            return result
        }
    }
}
