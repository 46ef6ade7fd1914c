// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc
import Synchronization

/// Routing ids of a ROUTER: those libzmq makes itself, a zero followed by a 32-bit counter.
///
/// A peer may claim an id of its own in its handshake. libzmq 4.3.4 ends the process when its
/// counter reaches an id that is claimed, and starts that counter with `rand()`, which it never
/// seeds: every process would begin with the same one. So it begins where nobody can foresee, and
/// peers whose id is none that the counter can have reached are ended.
package struct RoutingIDSequence: Hashable, Sendable {
    /// The counter before the first connection from outside.
    private let start: UInt32
    private var accepted: UInt64 = 0

    private static let unique = Atomic<Int>(0)

    init(start: UInt32) { self.start = start }

    /// A connection was accepted, and may be numbered when its handshake is done.
    package mutating func noteAccepted() { accepted += 1 }

    /// Whether libzmq can have numbered a connection so, as many as have been accepted.
    package func includes(_ peer: PeerID) -> Bool {
        guard let number = Self.number(peer) else { return false }
        return (1...max(1, accepted)).contains(UInt64(number &- start))
    }

    /// Makes the start of the next socket's counter unpredictable. To be called right before it is
    /// made.
    static func scatter() { srand(UInt32.random(in: .min ... .max)) }

    /// Asks a ROUTER that nobody can reach yet where its counter is, by a connection of this
    /// process.
    static func current(
        of router: Socket, _ context: Context
    ) throws(ZeroMQError) -> RoutingIDSequence {
        let number = unique.wrappingAdd(1, ordering: .relaxed).newValue
        let address = "inproc://counterbias-counter-\(number)"
        guard zmq_bind(router.open(), address) == 0 else { throw .library(.socketFailed) }
        let peer = try Socket(context, .dealer)
        try peer.set(.linger, 0)
        guard zmq_connect(peer.open(), address) == 0 else { throw .library(.socketFailed) }
        _ = try peer.send([[]])
        _ = try Poller.poll([.socket(router)], timeoutMilliseconds: 1_000)
        let answer = try router.receive()
        peer.close()
        zmq_unbind(router.open(), address)
        guard case .message(let message) = answer, let own = message.peer.flatMap(Self.number)
        else { throw ZeroMQError(.socketFailed, detail: "routing ids of another form") }
        return RoutingIDSequence(start: own)
    }

    /// The counter in an id of libzmq's own form; nil for others.
    private static func number(_ peer: PeerID) -> UInt32? {
        guard peer.bytes.count == 5, peer.bytes[0] == 0 else { return nil }
        return peer.bytes[1...].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
