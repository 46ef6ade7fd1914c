// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many files and connections this process may have open.
package enum DescriptorLimit {
    /// Fewer than a command needs, whatever it is asked to do.
    package struct TooFew: Error, CustomStringConvertible {
        /// Descriptors the process may have open, after raising.
        package var limit: Int
        /// Descriptors it may need at a time, those for its children included.
        package var needed: Int

        package var description: String {
            "this process may have \(limit) files and connections open, and needs \(needed): raise the limit with "
                + "'ulimit -n \(needed)' (LimitNOFILE of a systemd service), and start again"
        }
    }

    private static let most = rlim_t(65_536)
    /// Of a process without peers: about 20 stay open, up to 30 come and go.
    private static let base = 64
    /// Of a process that is started from here; two are its share, one is to spare.
    private static let perChild = 3

    /// Takes what the system allows instead of its careful default.
    /// - Parameter children: processes that will be started.
    /// - Throws: ``TooFew`` where the system allows so few that something would fail in the middle.
    package static func raise(children: Int = 0) throws(TooFew) {
        var limit = rlimit()
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(kind, &limit) == 0 else { return }
        if limit.rlim_cur < min(limit.rlim_max, most) {
            var raised = limit
            raised.rlim_cur = min(limit.rlim_max, most)
            if setrlimit(kind, &raised) == 0 { limit = raised }
        }
        let needed = base + perChild * children
        guard limit.rlim_cur >= rlim_t(needed) else {
            throw TooFew(limit: Int(clamping: limit.rlim_cur), needed: needed)
        }
    }
}
