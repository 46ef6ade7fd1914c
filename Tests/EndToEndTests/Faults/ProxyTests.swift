// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Connections that are slow, late, damaged or cut, with keys and without.
    @Suite(.serialized) struct Connections {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        /// What is logged of damage, wherever a flipped bit hits: greeting, frame, header or
        /// payload.
        private static let damage = [
            "malformed message", "handshake failed", "worker lost", "blob arrived damaged",
        ]

        /// Runs the job with two workers, each behind its own proxy: all `events` have to be in
        /// somebody's log, and one of `oneOf`, if it names any.
        private func run(
            _ conditions: ChaosProxy.Conditions, encrypted: Bool, events: String...,
            oneOf: [String] = [], at location: SourceLocation = #_sourceLocation
        ) throws {
            let keys = encrypted ? try Keys(in: scratch) : nil
            let cluster = try Cluster(
                flags: Example.flags(out: out), security: keys?.coordinator ?? [])
            let proxies = try (0..<2).map {
                try ChaosProxy(to: cluster.port, conditions, seed: TestSeed.value &+ UInt64($0))
            }
            let workers = try proxies.map {
                try cluster.worker(security: keys?.worker ?? [], endpoint: $0.endpoint)
            }
            defer { for proxy in proxies { proxy.stop() } }
            try cluster.expectReference(in: out, at: location)
            let logs = ([cluster.coordinator] + workers).map(\.logText)
            func isLogged(_ event: String) -> Bool { logs.contains { $0.contains(event) } }
            for event in events {
                #expect(isLogged(event), "'\(event)' in: \(logs[0])", sourceLocation: location)
            }
            #expect(
                oneOf.isEmpty || oneOf.contains(where: isLogged), "\(oneOf) in: \(logs)",
                sourceLocation: location)
            for worker in workers {
                try worker.end()
            }
        }

        /// 2 Mbit/s, and 10 ms each way.
        @Test(arguments: [true, false]) func slowLink(encrypted: Bool) throws {
            try run(
                ChaosProxy.Conditions(delay: 0.01...0.01, bytesPerSecond: 250_000),
                encrypted: encrypted, events: "welcomed")
        }

        /// At 1 Mbit/s the network takes twice as long as a shard may: the worker is not hung, it
        /// is loading.
        @Test func aSlowDownloadIsNoHungComputation() throws {
            let config = try Example.configuration(
                ["shard_lease_seconds: 60": "shard_lease_seconds: 2"], in: scratch)
            let cluster = try Cluster(flags: Example.flags(out: out, config: config))
            let proxy = try ChaosProxy(
                to: cluster.port, ChaosProxy.Conditions(bytesPerSecond: 125_000))
            defer { proxy.stop() }
            let worker = try cluster.worker(endpoint: proxy.endpoint)
            try cluster.expectReference(in: out, events: "worker admitted")
            #expect(!cluster.coordinator.logText.contains("compute hung"))
            #expect(worker.logText.contains("welcomed"))
            try worker.end()
        }

        /// First connections end early and at random places, later ones are good.
        @Test(arguments: [ChaosProxy.Ending.close, .halfClose, .linger(seconds: 0.5)])
        func cutAtRandomPoints(ending: ChaosProxy.Ending) throws {
            try run(
                ChaosProxy.Conditions(
                    delay: 0...0.02, life: 50...60_000, ending: ending, damaged: 3),
                encrypted: false, events: "worker lost",
                "connection lost")
        }

        @Test func cutAtRandomPointsWithKeys() throws {
            try run(
                ChaosProxy.Conditions(
                    delay: 0...0.02, life: 300...60_000, ending: .linger(seconds: 0.5), damaged: 3),
                encrypted: true, events: "worker lost",
                "connection lost")
        }

        @Test func corruptedWithKeys() throws {
            try run(
                ChaosProxy.Conditions(corruption: 300...30_000, damaged: 2), encrypted: true,
                oneOf: Self.damage)
        }

        @Test func corruptedWithoutKeys() throws {
            try run(
                ChaosProxy.Conditions(corruption: 20...3_000, damaged: 3), encrypted: false,
                oneOf: Self.damage)
        }
    }
}
