// SPDX-License-Identifier: Apache-2.0

import Logging
import Storage
import ZeroMQ

/// A coordinator's connections: reads and checks everything that comes, knows who is there, and
/// sends what is to be sent.
///
/// Used by the thread that owns the socket: the ``FrontDesk``'s while a job is prepared, then the
/// driver's.
final class Reception {
    /// Something for the protocol.
    enum Event {
        /// A greeting comes only from a connection that stands, once ``isOpen`` is set.
        case message(WorkerID, Message, Credentials)
        case malformed(WorkerID, WireError)
        /// Its connection has ended.
        case gone(WorkerID)
        /// Its key is no longer admitted.
        case revoked(WorkerID)
    }

    let clock = MonotonicClock()
    /// Whether greetings are handed on. Until then they wait, and are answered with a sign of life.
    var isOpen = false
    /// Bytes of blobs.
    var chunk: (BlobRange) -> BlobChunk? = { _ in nil }
    /// A connection that confirms nothing of what is on its way to it for so long is ended.
    var patience = Duration.seconds(10)
    var metrics: MetricsBoard<CoordinatorMetrics>?

    private let socket: Socket
    private let logger: Logger
    /// Whether peers have IP addresses.
    private let hasAddresses: Bool
    /// Connections that one key may have. Replicas of a worker may share theirs.
    private let connectionsOfOneKey: Int
    private var peers = PeerTable()
    private var ledger = SendLedger()
    private var gatekeeper: Gatekeeper
    private var probes = ProbeSchedule()
    private var greetings = Greetings()
    /// What came to light while sending.
    private var noticed: [Event] = []
    private var nextReview = Duration.zero

    /// Longest wait for something to happen, in milliseconds.
    private static let tick = 100
    /// Time between two looks at connections that take nothing.
    private static let reviewInterval = Duration.milliseconds(100)

    init(_ socket: Socket, logger: Logger, connectionsOfOneKey: Int = 1_024) {
        self.socket = socket
        self.logger = logger
        self.connectionsOfOneKey = connectionsOfOneKey
        hasAddresses = if case .tcp = socket.endpoint?.address { true } else { false }
        gatekeeper = Gatekeeper(socket, logger: logger)
    }

    /// Makes the calling thread the one that may use this. Only across a hand-over that orders
    /// memory.
    func adopt() { socket.adopt() }

    func close() { socket.close(goodbye: true) }

    // MARK: Reading

    /// Sends what can be sent, then waits at most `limit` milliseconds for something to happen here
    /// or to `others`.
    func wait(beside others: [Wakeup] = [], atMost limit: Int = tick) throws {
        var items = [PollItem.socket(socket)] + others.map { .wakeup($0) }
        if let monitor = socket.monitor { items.append(.monitor(monitor)) }
        var timeout = try flush() ? limit : min(limit, 2)
        // Greetings of the time before wait for nothing else.
        if !noticed.isEmpty || isOpen && !greetings.isEmpty { timeout = 0 }
        if let wait = probes.wait(at: clock.now) {
            timeout = min(timeout, Int(wait.seconds * 1_000) + 1)
        }
        _ = try Poller.poll(items, timeoutMilliseconds: timeout)
    }

    /// Hands on everything that has happened, in order.
    func attend(_ take: (Event) throws -> Void) throws {
        try readMonitor()
        try handOnNoticed(take)
        for worker in gatekeeper.revoked(among: peers, at: clock.now) { try take(.revoked(worker)) }
        let isRead = try receive(take)
        if isRead || greetings.areOverdue(at: clock.now) { try handOnGreetings(take) }
        gatekeeper.sweep(at: clock.now, isEverythingRead: isRead)
        if probes.isDue(at: clock.now) { try dismissTheDead(take) }
        endStalled()
    }

    private func handOnNoticed(_ take: (Event) throws -> Void) throws {
        let events = noticed
        noticed = []
        for event in events { try take(event) }
    }

    private func readMonitor() throws {
        guard let monitor = socket.monitor else { return }
        // Bounded: strangers can make events faster than they are read.
        for turn in 1...4_096 {
            guard let event = try monitor.receive() else { break }
            if gatekeeper.note(event, at: clock.now) { probes.start(at: clock.now) }
            if turn.isMultiple(of: 256) { gatekeeper.makeRoom(at: clock.now) }
        }
        gatekeeper.makeRoom(at: clock.now)
        gatekeeper.reportRefusals(at: clock.now)
    }

    /// - Returns: whether nothing more waits to be read.
    @discardableResult
    private func receive(_ take: (Event) throws -> Void) throws -> Bool {
        for _ in 0..<256 {
            switch try socket.receive() {
            case .wouldBlock:
                return true
            case .message(let message):
                guard let worker = try sender(of: message) else { continue }
                metrics?.update { $0.received(bytes: message.frames.byteCount) }
                let content: Message
                do throws(WireError) {
                    content = try MessageCodec.decode(message.frames)
                } catch {
                    try take(noteMalformed(worker, error))
                    continue
                }
                try route(content, from: worker, take)
            case .oversized(let message, _, let bytes):
                guard let worker = try sender(of: message) else { continue }
                try take(
                    noteMalformed(worker, WireError(.payloadTooLarge(bytes: UInt64(bytes)))))
            }
        }
        return false
    }

    /// The number of the connection a message came on; nil if it may not be heard.
    private func sender(of message: IncomingMessage) throws -> WorkerID? {
        let now = clock.now
        guard let peer = message.peer, gatekeeper.admits(message, at: now) else { return nil }
        if let known = peers.number(ofKnown: peer) { return known }
        if !gatekeeper.hasNumbered(peer) {
            // The monitor told of the connection before its first message came.
            try readMonitor()
            guard gatekeeper.hasNumbered(peer) else {
                gatekeeper.hangUp(message.descriptor, because: .claimedID, at: now)
                return nil
            }
        }
        let key = message.user?.publicKey
        if ledger.note(peer, key: key, descriptor: message.descriptor, at: now), key != nil,
            ledger.count(of: key) > connectionsOfOneKey
        {
            ledger.remove(peer)
            gatekeeper.hangUp(message.descriptor, because: .tooMany, at: now)
            return nil
        }
        return peers.number(
            of: peer,
            credentials: Credentials(
                key: key?.z85, name: message.user?.name,
                address: hasAddresses ? message.peerAddress : nil),
            key: key, descriptor: message.descriptor)
    }

    private func route(
        _ message: Message, from worker: WorkerID, _ take: (Event) throws -> Void
    ) throws {
        guard case .hello(let hello) = message else {
            if case .goodbye = message { greetings.forget(worker) }
            // What follows a greeting is not to overtake it.
            if isOpen, let earlier = greetings.take(of: worker) {
                try handOn(earlier, of: worker, take)
            }
            guard peers.peer(worker) != nil else { return }
            try take(.message(worker, message, peers.credentials(worker)))
            return
        }
        let isNew = greetings.note(hello, of: worker, at: clock.now)
        guard !isOpen else { return }
        if isNew, logger.logLevel <= .debug, let logger = teller(of: worker, logger) {
            logger.debug(
                "worker waits",
                metadata: [
                    "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
                ])
        }
        // It has no other way of knowing that somebody is there.
        post(.message(.heartbeat(progress: 0)), to: worker)
    }

    /// To be called when nothing waits to be read: only then libzmq knows which connections have
    /// ended.
    private func handOnGreetings(_ take: (Event) throws -> Void) throws {
        guard isOpen, !greetings.isEmpty else { return }
        for (worker, hello) in greetings.take() { try handOn(hello, of: worker, take) }
    }

    private func handOn(
        _ hello: Hello, of worker: WorkerID, _ take: (Event) throws -> Void
    ) throws {
        guard let peer = peers.peer(worker) else { return }
        if try socket.probe(peer) == .unroutable {
            try dismiss(peer, take)
        } else {
            try take(.message(worker, .hello(hello), peers.credentials(worker)))
        }
    }

    // MARK: Who is there

    /// A broken connection is known to the monitor at once, but not whose it was: ask all.
    private func dismissTheDead(_ take: (Event) throws -> Void) throws {
        // What a peer said before it went can still be read: its goodbye, or its last result.
        try receive(take)
        let gone = try ledger.peers.filter { try socket.probe($0) == .unroutable }
        guard !gone.isEmpty else { return }
        // Why a connection was ended here matters more than that it has ended.
        try handOnNoticed(take)
        // It may have come between the two; nothing more does.
        try receive(take)
        let numbered = gone.map { (peer: $0, worker: peers.number(ofKnown: $0)) }
        for (peer, _) in numbered.sorted(by: { $0.worker ?? WorkerID(0) < $1.worker ?? WorkerID(0) }
        ) {
            try dismiss(peer, take)
        }
    }

    /// A connection has ended.
    private func dismiss(_ peer: PeerID, _ take: (Event) throws -> Void) throws {
        ledger.remove(peer)
        guard let worker = peers.number(ofKnown: peer) else { return }
        greetings.forget(worker)
        try take(.gone(worker))
        peers.forget(worker)
    }

    /// Ends connections that do not take what they are sent.
    private func endStalled() {
        let now = clock.now
        guard now >= nextReview else { return }
        nextReview = now + Self.reviewInterval
        for (peer, descriptor) in ledger.stalled(for: patience, at: now) {
            gatekeeper.hangUp(descriptor, because: .unread, at: now)
            // Its own doing, not that of the shards it has.
            if let worker = peers.number(ofKnown: peer) {
                noticed.append(.malformed(worker, WireError(.field("credit"))))
            }
        }
    }

    /// The worker was admitted: its messages may be large.
    func trust(_ worker: WorkerID) { gatekeeper.trust(peers.descriptor(worker)) }

    /// Ends a worker's connection, after the time a last message needs.
    func hangUp(_ worker: WorkerID) {
        gatekeeper.dismiss(peers.descriptor(worker), at: clock.now)
    }

    /// The worker's number will not come up again; if it speaks, it gets another.
    func forget(_ worker: WorkerID) throws {
        _ = try flush(worker)
        greetings.forget(worker)
        peers.forget(worker)
    }

    /// What a line about a worker is written with; nil if there have been too many about its key.
    func teller(of worker: WorkerID, _ logger: Logger) -> Logger? {
        gatekeeper.teller(of: peers.credentials(worker), logger, at: clock.now)
    }

    /// Handed to libzmq and not confirmed by any kernel; of all connections.
    var bytesOnTheWay: Int { ledger.onTheWay }

    @discardableResult
    func noteMalformed(_ worker: WorkerID, _ error: WireError) -> Event {
        gatekeeper.noteMalformed(worker, peers.credentials(worker), error, at: clock.now)
        return .malformed(worker, error)
    }

    // MARK: Sending

    func post(_ item: PeerTable.Item, to worker: WorkerID) {
        if peers.post(item, to: worker) { return }
        // It asks for more than a worker may, or reads nothing; what it would miss it would wait
        // for.
        if let logger = teller(of: worker, logger) {
            logger.warning("worker does not take messages", metadata: ["worker": "\(worker)"])
        }
        gatekeeper.hangUp(peers.descriptor(worker), because: .unread, at: clock.now)
        noticed.append(.malformed(worker, WireError(.field("credit"))))
    }

    /// - Returns: whether nothing waits to be sent.
    @discardableResult
    func flush() throws -> Bool {
        for worker in peers.waiting { _ = try flush(worker) }
        return !peers.isAnyWaiting
    }

    private func flush(_ worker: WorkerID) throws -> SendResult {
        guard let peer = peers.peer(worker) else { return .unroutable }
        var unknown: BlobRange?
        let outcome = try peers.flush(worker) { item in
            guard ledger.allows(item.bytes, to: peer, isLarge: item.isLarge, at: clock.now) else {
                return .wouldBlock
            }
            guard let frames = frames(of: item) else {
                if case .chunk(let range) = item { unknown = range }
                return .sent
            }
            let result = try socket.send(frames, to: peer)
            if result == .sent {
                ledger.handOver(frames.byteCount, to: peer, at: clock.now)
                metrics?.sent(item, frames, to: worker, at: clock.now)
            }
            return result
        }
        if let unknown {
            if let logger = teller(of: worker, logger) {
                logger.warning(
                    "a worker asks for an unknown blob",
                    metadata: [
                        "worker": "\(worker)", "digest": "\(unknown.digest.hex.prefix(12))",
                    ])
            }
            // It would wait for the answer for ever.
            noticed.append(.malformed(worker, WireError(.field("digest"))))
        }
        // Not given up at once: what it said before it went may still have to be read.
        if outcome == .unroutable { probes.start(at: clock.now) }
        return outcome
    }

    private func frames(of item: PeerTable.Item) -> [[UInt8]]? {
        switch item {
        case .message(let message): MessageCodec.encode(message)
        case .chunk(let range): chunk(range).map { MessageCodec.encode(.chunk($0)) }
        }
    }
}

extension PeerTable.Item {
    /// Bytes of its payload, at most.
    fileprivate var bytes: Int {
        switch self {
        case .chunk(let range): min(range.length, BlobChunk.limit)
        case .message(.task(let task)): task.biases.count
        case .message: 0
        }
    }

    /// Whether it waits where bytes are scarce.
    fileprivate var isLarge: Bool {
        switch self {
        case .chunk, .message(.task): true
        case .message: false
        }
    }
}
