// SPDX-License-Identifier: Apache-2.0

import Cluster
import TestSupport

/// One connection as ZeroMQ sees it: ordered in both directions, until it is cut and loses what is
/// under way.
struct Link {
    enum State {
        case up
        /// Swallows everything and nobody is told.
        case halfOpen
        /// Swallows what the worker says.
        case mute
        /// Swallows what the coordinator says.
        case deaf
        /// The worker has closed it: what it said before still arrives.
        case closing
        case down

        func carries(toCoordinator: Bool) -> Bool {
            switch self {
            case .up: true
            case .mute: !toCoordinator
            case .deaf, .closing: toCoordinator
            case .halfOpen, .down: false
            }
        }
    }

    let worker: Int
    var state = State.up
    /// Added to the delay of every message, in milliseconds.
    var slowness = 0
    /// The coordinator's name for it; nil until it speaks and after it was forgotten.
    var number: WorkerID?
    /// When the latest message of each direction arrives.
    var lastAtCoordinator = 0
    var lastAtWorker = 0
}

/// Connections between the coordinator and the workers, and how long messages take.
struct SimulatedNetwork {
    private(set) var links: [Int: Link] = [:]
    private var named: [WorkerID: Int] = [:]
    private var nextLink = 0
    private var nextNumber = 1

    mutating func open(worker: Int) -> Int {
        nextLink += 1
        links[nextLink] = Link(worker: worker)
        return nextLink
    }

    subscript(link: Int) -> Link? { links[link] }

    func link(of number: WorkerID) -> Int? { named[number] }

    /// The coordinator's name for a connection, a new one if it has none.
    mutating func number(of link: Int) -> WorkerID? {
        guard let known = links[link] else { return nil }
        if let number = known.number { return number }
        let number = WorkerID(nextNumber)
        nextNumber += 1
        links[link]?.number = number
        named[number] = link
        return number
    }

    mutating func forget(_ number: WorkerID) {
        if let link = named.removeValue(forKey: number) { links[link]?.number = nil }
    }

    /// A new coordinator process knows nobody, and nobody is connected to it.
    mutating func reset() {
        for link in links.keys { links[link]?.state = .down }
        named = [:]
        nextNumber = 1
    }

    mutating func impair(_ link: Int, _ state: Link.State) {
        if links[link]?.state != .down { links[link]?.state = state }
    }

    mutating func slow(_ link: Int, by milliseconds: Int) {
        links[link]?.slowness = milliseconds
    }

    /// Nothing arrives before `time`, and then everything does.
    mutating func stall(_ link: Int, until time: Int) {
        guard var entry = links[link] else { return }
        entry.lastAtCoordinator = max(entry.lastAtCoordinator, time)
        entry.lastAtWorker = max(entry.lastAtWorker, time)
        links[link] = entry
    }

    /// When a message sent now arrives; order is kept.
    mutating func arrival(
        on link: Int, atCoordinator: Bool, now: Int, delay: Int
    ) -> Int {
        guard var entry = links[link] else { return now + delay }
        let last = atCoordinator ? entry.lastAtCoordinator : entry.lastAtWorker
        let time = max(last, now + delay)
        if atCoordinator { entry.lastAtCoordinator = time } else { entry.lastAtWorker = time }
        links[link] = entry
        return time
    }
}
