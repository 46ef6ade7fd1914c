import Glibc

/// How many files and connections this process may have open.
package enum DescriptorLimit {
    private static let most = rlim_t(65_536)

    /// Takes what the system allows instead of its careful default. A failure changes nothing.
    package static func raise() {
        var limit = rlimit()
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(kind, &limit) == 0, limit.rlim_cur < min(limit.rlim_max, most) else {
            return
        }
        limit.rlim_cur = min(limit.rlim_max, most)
        setrlimit(kind, &limit)
    }
}
