// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport

/// A TCP relay on loopback between a worker and its coordinator that treats the bytes badly.
///
/// One thread owns all sockets. Every random choice comes from the seed and from byte counts, none
/// from the clock.
final class ChaosProxy: @unchecked Sendable {
    // Sendable: everything mutable is touched under `condition`.

    /// What happens to the connections, counted from the first; those beyond ``damaged`` are
    /// relayed faithfully.
    struct Conditions: Sendable {
        /// Seconds every byte is late, drawn anew for each connection, so that an older one may be
        /// overtaken.
        var delay: ClosedRange<Double> = 0...0
        /// Of each direction of each connection.
        var bytesPerSecond: Int?
        /// Bytes from one flipped bit to the next in each direction, drawn anew each time.
        var corruption: ClosedRange<Int>?
        /// The connection ends after so many bytes in a direction, drawn for each connection and
        /// direction.
        var life: ClosedRange<Int>?
        var ending = Ending.close
        /// Connections all this happens to.
        var damaged = Int.max
    }

    enum Ending: Sendable {
        /// Both sides see the end at once.
        case close
        /// Only the receiver of the byte sees an end; the other direction goes on, the sender is
        /// told nothing.
        case halfClose
        /// The sender sees the end; what it sent before arrives late, when it already has another
        /// connection.
        case linger(seconds: Double)
    }

    enum Direction: Int, Sendable, CaseIterable { case toCoordinator, toWorker }

    let endpoint: String
    private let listener: Int32
    private let target: UInt16
    private let conditions: Conditions
    private let condition = NSCondition()
    private var generator: SeededGenerator
    private var relays: [Relay] = []
    private var accepted = 0
    private var cuts = 0
    private var isStopping = false
    private var held: Set<Direction> = []

    /// Relays to a coordinator's `port` on loopback; `seed` fixes all random choices.
    init(to port: UInt16, _ conditions: Conditions = Conditions(), seed: UInt64 = 0) throws {
        self.conditions = conditions
        target = port
        generator = SeededGenerator(seed: seed)
        let (descriptor, own) = try TCP.listen()
        listener = descriptor
        endpoint = "tcp://127.0.0.1:\(own)"
        Thread.detachNewThread { [weak self] in
            while self?.step() == true {}
            close(descriptor)
        }
    }

    deinit { for relay in relays { relay.close() } }

    /// Ends the relay and all its connections.
    func stop() { condition.withLock { isStopping = true } }

    /// Connections so far, and how many of them the proxy ended.
    var counts: (accepted: Int, cut: Int) { condition.withLock { (accepted, cuts) } }

    // MARK: Holding bytes back

    /// Bytes in this direction are read but not passed on.
    func hold(_ direction: Direction) { _ = condition.withLock { held.insert(direction) } }

    /// Waits until so many bytes of one connection are held back.
    func waitUntilHeld(_ direction: Direction, bytes: Int) throws {
        let limit = Date(timeIntervalSinceNow: ChildProcess.deadline)
        condition.lock()
        defer { condition.unlock() }
        while !relays.contains(where: { $0.flows[direction.rawValue].waiting >= bytes }) {
            guard condition.wait(until: limit) else {
                throw TCP.Failure(description: "no \(bytes) bytes arrived to be held back")
            }
        }
    }

    /// Passes on a part of what is held back (all, or all but `rest` bytes), then ends those
    /// connections.
    func deliverAndCut(_ direction: Direction, allBut rest: Int = 0) {
        condition.withLock {
            held.remove(direction)
            for relay in relays {
                relay.flows[direction.rawValue].shorten(by: rest)
                relay.isEnding = true
            }
            cuts += relays.count
        }
    }

    /// Passes on what is held back and everything after it.
    func release(_ direction: Direction) { _ = condition.withLock { held.remove(direction) } }

    // MARK: The thread

    /// - Returns: whether to go on.
    private func step() -> Bool {
        let descriptors = condition.withLock {
            [listener] + relays.flatMap { $0.flows.filter { !$0.isSourceDone }.map(\.source) }
        }
        TCP.wait(for: descriptors, milliseconds: 5)
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        if isStopping {
            for relay in relays { relay.close() }
            relays = []
            return false
        }
        accept()
        let now = TCP.now
        for relay in relays {
            for direction in Direction.allCases { serve(relay, direction, at: now) }
            if relay.isFinished { relay.close() }
        }
        relays.removeAll(where: \.isClosed)
        return true
    }

    private func accept() {
        while let client = TCP.accept(listener) {
            guard let server = TCP.connect(to: target) else {
                close(client)
                continue
            }
            accepted += 1
            let isDamaged = accepted <= conditions.damaged
            relays.append(
                Relay(
                    flows: [(client, server), (server, client)].map {
                        Flow(
                            from: $0, to: $1, isDamaged ? conditions : Conditions(), &generator)
                    }))
        }
    }

    private func serve(_ relay: Relay, _ direction: Direction, at now: Double) {
        guard !relay.isClosed else { return }
        let flow = relay.flows[direction.rawValue]
        flow.read(at: now, &generator)
        if !held.contains(direction) { flow.write(at: now) }
        guard flow.isAtItsEnd else { return }
        flow.isAtItsEnd = false
        cuts += 1
        switch conditions.ending {
        case .close: relay.close()
        case .halfClose: flow.endTarget()
        case .linger(let seconds):
            flow.delayRest(until: now + seconds)
            relay.isEnding = true
            relay.flows[1 - direction.rawValue].endTarget()
            shutdown(flow.source, Int32(SHUT_RDWR))
        }
    }
}
