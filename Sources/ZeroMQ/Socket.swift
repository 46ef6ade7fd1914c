// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

/// One libzmq socket. It belongs to the thread that made it, and every call checks that: libzmq
/// sockets corrupt memory silently when two threads share one.
///
/// Made by ``coordinator(_:bind:security:insecure:profile:)`` and
/// ``worker(_:connect:security:insecure:profile:)``, which leave no way to forget an option.
package final class Socket {
    enum Kind: Equatable {
        case router, dealer, pair, reply

        var number: Int32 {
            switch self {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .pair: ZMQ_PAIR
            case .reply: ZMQ_REP
            }
        }
    }

    let kind: Kind
    /// The bounds this socket enforces.
    package let profile: SocketProfile
    /// What the socket is bound to (with the real port) or connects to.
    package internal(set) var endpoint: Endpoint?
    /// Reports connections and handshakes; present on coordinator and worker sockets. Read it
    /// whenever it is readable: unread events pile up.
    package internal(set) var monitor: SocketMonitor?
    /// Present on a coordinator: the numbers its connections get.
    package internal(set) var routingIDs: RoutingIDSequence?
    /// Present on a coordinator with CURVE.
    package internal(set) var authenticator: Authenticator?

    /// libzmq forbids moving a `zmq_msg_t`, so the one for receiving has a fixed place.
    let incoming: UnsafeMutablePointer<zmq_msg_t>
    let context: Context
    private var owner = pthread_self()
    private var handle: UnsafeMutableRawPointer?

    init(_ context: Context, _ kind: Kind, profile: SocketProfile = .init()) throws(ZeroMQError) {
        guard let handle = zmq_socket(context.handle, kind.number) else {
            throw .library(.socketFailed)
        }
        self.handle = handle
        self.context = context
        self.kind = kind
        self.profile = profile
        incoming = .allocate(capacity: 1)
        incoming.initialize(to: zmq_msg_t())
    }

    // The last reference may die on any thread; that hand-over is a full memory barrier, which is
    // all libzmq asks for.
    deinit {
        shut(linger: 0)
        incoming.deallocate()
    }

    /// Closes the socket; a second call does nothing. libzmq finishes in the background: the
    /// address is certainly free again once the context has ended.
    /// - Parameter goodbye: whether queued messages may still leave, for at most
    ///   ``SocketProfile/goodbyeLinger``. Else they are dropped.
    package func close(goodbye: Bool = false) {
        checkThread()
        shut(linger: goodbye ? min(max(profile.goodbyeLinger, 0), 1_000) : 0)
    }

    private func shut(linger: Int32) {
        guard let handle else { return }
        var linger = linger
        zmq_setsockopt(handle, ZMQ_LINGER, &linger, MemoryLayout<Int32>.size)
        if monitor != nil { zmq_socket_monitor(handle, nil, 0) }
        zmq_close(handle)
        self.handle = nil
        monitor?.socket.shut(linger: 0)
        // After the socket: without a handler nobody could be refused.
        authenticator?.stop()
    }

    /// Whether processes of others may connect: not where only a private directory leads to the
    /// socket.
    package var isExposed: Bool {
        if case .tcp = endpoint?.address { true } else { authenticator != nil }
    }

    /// Whether ``close(goodbye:)`` was called.
    package var isClosed: Bool {
        checkThread()
        return handle == nil
    }

    /// The libzmq socket, for use by the owner thread only.
    func open() -> UnsafeMutableRawPointer {
        checkThread()
        guard let handle else { preconditionFailure("a closed socket was used") }
        return handle
    }

    private func checkThread() {
        precondition(
            pthread_equal(owner, pthread_self()) != 0,
            "a ZeroMQ socket was used by a thread that does not own it")
    }

    /// Makes the calling thread the owner, of the monitor too. Only for a socket the previous owner
    /// no longer touches, across a hand-over that orders memory (such as starting a thread, or
    /// joining one).
    package func adopt() {
        owner = pthread_self()
        monitor?.socket.adopt()
    }
}

// MARK: - Options

extension Socket {
    func set(_ option: ZMQOption, _ value: Int32) throws(ZeroMQError) {
        var value = value
        try check(
            zmq_setsockopt(open(), option.number, &value, MemoryLayout<Int32>.size), option)
    }

    func set(_ option: ZMQOption, wide value: Int64) throws(ZeroMQError) {
        var value = value
        try check(
            zmq_setsockopt(open(), option.number, &value, MemoryLayout<Int64>.size), option)
    }

    func set(_ option: ZMQOption, _ value: [UInt8]) throws(ZeroMQError) {
        try check(zmq_setsockopt(open(), option.number, value, value.count), option)
    }

    private func check(_ status: Int32, _ option: ZMQOption) throws(ZeroMQError) {
        if status != 0 { throw .library(.optionRejected, detail: option.name) }
    }

    /// The address of the last bind with wildcards replaced.
    func lastEndpoint() throws(ZeroMQError) -> String {
        var text = [UInt8](repeating: 0, count: 512)
        var size = text.count
        try check(
            zmq_getsockopt(open(), ZMQOption.lastEndpoint.number, &text, &size), .lastEndpoint)
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
}
