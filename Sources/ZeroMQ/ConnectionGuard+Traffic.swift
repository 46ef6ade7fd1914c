// SPDX-License-Identifier: Apache-2.0

import Glibc

extension ConnectionGuard {
    /// Bytes of TCP payload on one connection so far.
    package struct Traffic: Hashable, Sendable {
        /// Of what this side sent, as far as the other side's kernel has confirmed it.
        package var acknowledged: UInt64
        /// Of what came in, read or not.
        package var received: UInt64
    }

    /// What the kernel has counted; nil for sockets other than TCP's.
    package static func traffic(_ descriptor: Int32) -> Traffic? {
        // Fields of Linux's `struct tcp_info` (since 4.1), which glibc's own headers leave out.
        let (acknowledgedOffset, receivedOffset) = (120, 128)
        return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { information in
            var size = socklen_t(information.count)
            guard
                getsockopt(
                    descriptor, Int32(IPPROTO_TCP), TCP_INFO, information.baseAddress, &size) == 0,
                Int(size) >= receivedOffset + 8
            else { return nil }
            return Traffic(
                acknowledged: information.load(
                    fromByteOffset: acknowledgedOffset, as: UInt64.self),
                received: information.load(fromByteOffset: receivedOffset, as: UInt64.self))
        }
    }
}
