// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension Cluster {
    /// On loopback.
    var port: UInt16 { endpoint.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    /// Starts a worker whose compute thread stands from the beginning: it takes shards and does not
    /// answer. The coordinator sleeps meanwhile, so that the worker cannot have computed anything.
    func stalledWorker(
        security: [String] = [], endpoint: String? = nil, on host: Laboratory.Host? = nil,
        environment: [String: String] = [:]
    ) throws -> (process: ChildProcess, stall: StoppedThread) {
        coordinator.signal(SIGSTOP)
        defer { coordinator.signal(SIGCONT) }
        let worker = try worker(
            security: security, endpoint: endpoint, on: host, environment: environment)
        return (worker, try StoppedThread(computeOf: worker))
    }

    /// Waits for the end of the job and checks its results, and that the coordinator logged
    /// `events`.
    func expectReference(
        in out: String, _ reference: Results? = nil, events: String...,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try coordinator.finish()
        #expect(outcome.status == 0, "\(outcome.log)", sourceLocation: location)
        let expected = try reference ?? Results.reference.get()
        #expect(try Results(in: out) == expected, sourceLocation: location)
        for event in events {
            #expect(
                outcome.log.contains(event), "'\(event)' in: \(outcome.log)",
                sourceLocation: location)
        }
    }
}

/// Keys of a coordinator and a worker, made by `keygen`.
struct Keys {
    let coordinator: [String]
    let worker: [String]

    init(in scratch: Scratch) throws {
        let folder = scratch("keys")
        let outcome = try ChildProcess.run("keygen", "--out", folder)
        guard outcome.status == 0 else {
            throw ChildProcess.Failure(
                what: "no keys", command: "keygen --out \(folder)", output: outcome.log)
        }
        coordinator = ["--key", folder + "/coordinator.key", "--allow", folder + "/allowed"]
        worker = ["--key", folder + "/worker.key", "--server-key", folder + "/coordinator.pub"]
    }
}
