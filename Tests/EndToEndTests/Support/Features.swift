import Foundation

/// Features whose fault tests were written before them; the tests run as soon as the program has them.
enum Features {
    /// Progress leases of shards, and duplicates of stragglers, which come with them.
    static let shardLeases = probe("shard leases and straggler duplicates") {
        let url = Binary.root.appendingPathComponent(Example.config)
        return try String(contentsOf: url, encoding: .utf8).contains("shard_lease_seconds: 60")
    }

    /// `coordinator --audit P`.
    static let audit = probe("--audit") {
        try ChildProcess.run("coordinator", "--help").output.contains("--audit")
    }

    private static func probe(_ what: String, _ body: () throws -> Bool) -> Bool {
        if (try? body()) == true { return true }
        print("SKIPPED: this program has no \(what) yet; the tests of it do not run")
        return false
    }
}
