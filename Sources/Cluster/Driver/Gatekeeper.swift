// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import ZeroMQ

/// What the coordinator does about peers that are no workers, or may be none any more: drops their
/// messages unread, ends their connections, and tells the operator without letting strangers fill
/// the log.
struct Gatekeeper {
    private let logger: Logger
    private let authenticator: Authenticator?
    private var review: KeyReview
    private var connections: ConnectionGuard
    private var routingIDs: RoutingIDSequence?
    /// About peers that have spoken.
    private var lines = PeerLines()
    private var endings = RefusalTally<Ending>()
    /// Of all addresses together.
    private var handshakes = LogBudget()
    private var malformed = LogBudget()
    private var failures = RefusalTally<Failure>()
    private var refusals = RefusalTally<KeyRefusal>()
    /// IP addresses of open connections.
    private var hosts: [Int32: String] = [:]
    /// A handshake failed; the event behind it names the connection.
    private var unnamedFailure: HandshakeFailure?
    /// Whether whoever can reach the socket is a stranger; a private directory keeps strangers out.
    private let isExposed: Bool
    /// Connections this process may have open.
    private var room = Int.max
    private var nextSweep = Duration.zero
    private var nextCrowdLine = Duration.zero

    private struct Failure: Hashable {
        var address: String
        var failure: HandshakeFailure

        var metadata: Logger.Metadata { ["address": "\(address)", "failure": "\(failure)"] }
    }

    private struct Ending: Hashable {
        var host: String
        var reason: ConnectionGuard.Reason
    }

    private static let sweepInterval = Duration.milliseconds(100)
    /// Connections that have not said anything yet: as many as the kernel keeps for us until we
    /// accept them.
    private static let unspokenLimit = 1_024
    /// Time for a revoked worker to read why it has to go.
    private static let grace = Duration.seconds(2)

    init(_ socket: Socket, logger: Logger) {
        self.logger = logger
        authenticator = socket.authenticator
        routingIDs = socket.routingIDs
        review = KeyReview(socket.authenticator?.allowList)
        // Two results a worker may have on their way, and as much again.
        connections = ConnectionGuard(bytes: 3 * UInt64(MessageCodec.byteLimit))
        isExposed = socket.isExposed
    }

    // MARK: Messages

    /// Whether a connection's number is one that can have been given, as far as the monitor has
    /// told.
    func hasNumbered(_ peer: PeerID) -> Bool { routingIDs?.includes(peer) ?? true }

    /// Whether a message may be decoded at all.
    mutating func admits(_ message: IncomingMessage, at now: Duration) -> Bool {
        if let descriptor = message.descriptor { connections.heard(descriptor, at: now) }
        guard !review.admits(message) else { return true }
        guard let peer = message.peer, review.drop(peer) else { return false }
        logger.warning(
            "messages of a revoked key are dropped",
            metadata: [
                "key": "\(message.user?.publicKey.z85 ?? "none")",
                "address": "\(message.peerAddress ?? "unknown")",
            ])
        dismiss(message.descriptor, at: now)
        return false
    }

    mutating func noteMalformed(
        _ worker: WorkerID, _ peer: Credentials, _ error: WireError, at now: Duration
    ) {
        guard malformed.spend(at: now), let logger = teller(of: peer, logger, at: now) else {
            return
        }
        logger.warning(
            "malformed message", metadata: ["worker": "\(worker)", "error": "\(error)"])
    }

    /// What a line about a peer is written with: the name of its key and its address. Nil if there
    /// have been too many about this key.
    mutating func teller(of peer: Credentials, _ logger: Logger, at now: Duration) -> Logger? {
        lines.spend(peer, at: now) ? peer.named(logger) : nil
    }

    /// A worker that was welcomed.
    mutating func trust(_ descriptor: Int32?) {
        if let descriptor { connections.trust(descriptor) }
    }

    /// Ends a connection as soon as nothing waits to be read.
    mutating func hangUp(
        _ descriptor: Int32?, because reason: ConnectionGuard.Reason, at time: Duration
    ) {
        if let descriptor { connections.hangUp(descriptor, at: time, because: reason) }
    }

    /// The same, with time for a last message to leave.
    mutating func dismiss(_ descriptor: Int32?, at now: Duration) {
        hangUp(descriptor, because: .dismissed, at: now + Self.grace)
    }

    // MARK: Connections

    /// - Returns: whether a connection ended that may be a worker's.
    mutating func note(_ event: MonitorEvent, at now: Duration) -> Bool {
        switch event.kind {
        case .accepted(let descriptor):
            routingIDs?.noteAccepted()
            connections.accepted(descriptor, at: now)
            hosts[descriptor] = connections.host(of: descriptor)
            logger.trace("connection", metadata: ["event": "\(event)"])
        case .handshakeFailed(.refused) where authenticator != nil:
            // The authenticator knows whose key it was.
            break
        case .handshakeFailed(let failure):
            unnamedFailure = failure
        case .disconnected(let descriptor):
            logger.debug("connection closed", metadata: ["event": "\(event)"])
            let host = hosts.removeValue(forKey: descriptor)
            let mayBeAWorkers = connections.closed(descriptor)
            guard let failure = unnamedFailure else { return mayBeAWorkers }
            unnamedFailure = nil
            report(Failure(address: host ?? "unknown", failure: failure), at: now)
        default:
            logger.trace("connection", metadata: ["event": "\(event)"])
        }
        return false
    }

    /// Ends connections that have not said anything where there are too many, so that newcomers get
    /// in.
    mutating func makeRoom(at now: Duration) {
        guard isExposed else { return }
        let isNearLimit = connections.count > room
        tell(connections.makeRoom(unspoken: Self.unspokenLimit, total: room), at: now)
        guard isNearLimit, now >= nextCrowdLine else { return }
        nextCrowdLine = now + .seconds(10)
        logger.error(
            "connections near the limit of descriptors: new workers may not get in",
            metadata: ["connections": "\(connections.count)", "limit": "\(room / 4 * 5)"])
    }

    private mutating func tell(_ ended: [ConnectionGuard.Ended], at now: Duration) {
        for ended in ended {
            let isNew = endings.note(Ending(host: ended.host, reason: ended.reason.kind), at: now)
            guard isNew, handshakes.spend(at: now) else { continue }
            logger.warning(
                "connection ended",
                metadata: ["address": "\(ended.address)", "reason": "\(ended.reason)"])
        }
    }

    private mutating func report(_ failure: Failure, at now: Duration) {
        guard failures.note(failure, at: now), handshakes.spend(at: now) else { return }
        logger.warning("handshake failed", metadata: failure.metadata)
    }

    /// The monitor knows that a handshake failed; only the authenticator knows whose key it was.
    mutating func reportRefusals(at now: Duration) {
        if let (taken, dropped) = authenticator?.takeRefusals() {
            for refusal in taken where refusals.note(refusal, at: now) && handshakes.spend(at: now)
            {
                logger.warning("key refused", metadata: refusal.metadata)
            }
            if dropped > 0 { logger.warning("keys refused", metadata: ["more": "\(dropped)"]) }
        }
        for (refusal, count) in refusals.due(at: now) where handshakes.spend(at: now) {
            logger.warning(
                "keys refused",
                metadata: refusal.metadata.merging(["more": "\(count)"]) { $1 })
        }
        for (failure, count) in failures.due(at: now) where handshakes.spend(at: now) {
            logger.warning(
                "handshakes failed",
                metadata: failure.metadata.merging(["more": "\(count)"]) { $1 })
        }
        for (ending, count) in endings.due(at: now) where handshakes.spend(at: now) {
            logger.warning(
                "connections ended",
                metadata: [
                    "address": "\(ending.host)", "reason": "\(ending.reason)",
                    "more": "\(count)",
                ])
        }
        for (peer, count) in lines.due(at: now) {
            let logger = peer.named(logger)
            logger.warning("lines left out", metadata: ["more": "\(count)"])
        }
        let (refused, garbled) = (
            handshakes.takeSuppressed(at: now), malformed.takeSuppressed(at: now)
        )
        if refused > 0 { logger.warning("handshakes failed", metadata: ["more": "\(refused)"]) }
        if garbled > 0 { logger.warning("malformed messages", metadata: ["more": "\(garbled)"]) }
    }

    /// Ends connections that have to go. What a connection has delivered since its last message can
    /// be told only where `isEverythingRead`: no whole message waits.
    mutating func sweep(at now: Duration, isEverythingRead: Bool) {
        guard now >= nextSweep else { return }
        nextSweep = now + Self.sweepInterval
        tell(connections.endDismissed(at: now), at: now)
        if isEverythingRead { tell(connections.sweep(at: now), at: now) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            room = Int(clamping: limit.rlim_cur) / 5 * 4
        }
    }

    // MARK: Keys

    /// Looks after the allow-list.
    /// - Returns: workers whose key it no longer admits.
    mutating func revoked(among peers: PeerTable, at now: Duration) -> [WorkerID] {
        let findings = review.look(at: now, isDemanded: ReloadSignal.take())
        for finding in findings { log(finding) }
        guard findings.contains(where: \.isChange) else { return [] }
        return peers.all.map(\.0).filter { worker in
            guard let key = peers.key(worker), !review.admits(key) else { return false }
            logger.warning("key revoked", metadata: ["worker": "\(worker)", "key": "\(key)"])
            dismiss(peers.descriptor(worker), at: now)
            return true
        }
    }

    private func log(_ finding: KeyReview.Finding) {
        switch finding {
        case .changed(let added, let removed):
            logger.notice(
                "allow-list read again",
                metadata: [
                    "added": "\(added.joined(separator: " "))",
                    "removed": "\(removed.joined(separator: " "))",
                ])
        case .unusable(let error):
            logger.error(
                "allow-list cannot be used as it is; what it said before stays in force",
                metadata: ["error": "\(error)"])
        case .usableAgain:
            logger.notice("allow-list is usable again")
        }
    }
}

extension KeyRefusal {
    fileprivate var metadata: Logger.Metadata {
        [
            "key": "\(publicKey.map(\.description) ?? "none")", "address": "\(address)",
            "reason": "\(reason)",
        ]
    }
}

extension Credentials {
    /// A logger that says whose lines these are.
    fileprivate func named(_ logger: Logger) -> Logger {
        var logger = logger
        if let name { logger[metadataKey: "key"] = "\(name)" }
        if let address { logger[metadataKey: "address"] = "\(address)" }
        return logger
    }
}

extension ConnectionGuard.Reason {
    /// Without what differs from one to the next.
    fileprivate var kind: Self {
        if case .endlessMessage = self { .endlessMessage(bytes: 0) } else { self }
    }
}

extension KeyReview.Finding {
    fileprivate var isChange: Bool { if case .changed = self { true } else { false } }
}
