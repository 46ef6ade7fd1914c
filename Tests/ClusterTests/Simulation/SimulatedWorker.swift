// SPDX-License-Identifier: Apache-2.0

import Cluster
import Storage

@testable import Cluster

/// A worker process: a real core, a socket and a compute thread that looks results up.
struct SimulatedWorker {
    static let golden = Digest.sha256(of: "golden")

    private(set) var core: WorkerCore
    /// Counts incarnations of the process; events for an older one are void.
    private(set) var life = 0
    /// Counts sockets of the process.
    private(set) var socket = 0
    private(set) var isRunning = false
    /// Connection of the current socket; nil while it waits for one.
    var link: Int?
    /// What the socket took and no connection carried yet.
    var outbox: [Message] = []
    var frozenUntil = 0
    /// Its host makes no connections until then.
    var cutOffUntil = 0
    var computing: TaskID?
    /// Its computations never end, until the process does.
    var hangs = false
    /// Its results are wrong.
    var lies = false

    init(name: Int) { core = Self.makeCore(name, life: 0) }

    private static func makeCore(_ name: Int, life: Int) -> WorkerCore {
        var limits = WorkerLimits()
        limits.blobBytes = 600
        return WorkerCore(
            hello: Hello(
                golden: golden, host: "host-\(name)", process: UInt32(life), threads: 1,
                isa: "portable", build: "test"),
            limits: limits)
    }

    mutating func start(name: Int) {
        life += 1
        core = Self.makeCore(name, life: life)
        isRunning = true
        link = nil
        computing = nil
        frozenUntil = 0
        hangs = false
    }

    mutating func end() {
        isRunning = false
        life += 1
        link = nil
        outbox = []
        computing = nil
    }

    mutating func openSocket() {
        socket += 1
        link = nil
        outbox = []
    }

    mutating func handle(_ event: WorkerCore.Event, at time: Int) -> [WorkerCore.Action] {
        core.handle(event, at: .milliseconds(time))
    }
}
