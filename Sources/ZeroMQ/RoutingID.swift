import Glibc

/// Routing ids of a ROUTER: those libzmq makes itself, a zero followed by a 32-bit counter.
///
/// A peer may claim an id of its own in its handshake. libzmq 4.3.4 ends the process when its counter reaches an id that
/// is claimed, and starts that counter with `rand()`, which it never seeds: every process would begin with the same one.
enum RoutingID {
    /// Makes the start of the next socket's counter unpredictable. To be called right before it is made.
    static func scatter() { srand(UInt32.random(in: .min ... .max)) }

    /// Whether an id has the form of libzmq's own. Workers claim none.
    static func isOwn(_ peer: PeerID) -> Bool { peer.bytes.count == 5 && peer.bytes[0] == 0 }
}
