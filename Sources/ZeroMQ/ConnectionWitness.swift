// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps a TCP connection of libzmq's in sight beyond its end, to tell a peer that broke it off
/// from nobody at all.
///
/// The monitor says only that a connection ended during its handshake. A peer that answered at all
/// is one; a proxy whose peer is away, or a kernel that accepted for a process about to end,
/// delivers no byte.
package final class ConnectionWitness {
    private let descriptor: Int32

    /// - Parameter descriptor: libzmq's own, as the monitor names it. Nil if it is closed already.
    package init?(_ descriptor: Int32) {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        self.descriptor = copy
    }

    /// The connection ends with the later of libzmq's descriptor and this.
    deinit { close(descriptor) }

    /// Whether the peer sent anything; nil where the kernel does not count, as for Unix domain
    /// sockets.
    package var hasHeard: Bool? { ConnectionGuard.traffic(descriptor).map { $0.received > 0 } }
}
