// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// What this machine lets tests do. What is missing skips tests, loudly; with `CI=true` nothing is
/// skipped, so that a machine that cannot run them fails.
enum Capabilities {
    /// Network namespaces with veth pairs between them.
    static let namespaces = probe("network namespaces (root, iproute2 and nsenter)") {
        guard geteuid() == 0 else { return false }
        let name = "cbtest-\(getpid())-probe"
        defer { _ = try? Tool.run("ip", "netns", "del", name) }
        try Tool.run("ip", "netns", "add", name)
        try Tool.run(
            "ip", "-n", name, "link", "add", "end0", "type", "veth", "peer", "name", "end1")
        try Tool.run("nsenter", "--net=/run/netns/" + name, "true")
        return true
    }

    /// Mounting a tmpfs.
    static let mounts = probe("mounting a tmpfs (root)") {
        guard geteuid() == 0 else { return false }
        _ = try SmallDisk(kibibytes: 64)
        return true
    }

    /// Stopping a single thread of another process.
    static let tracing = probe("ptrace") {
        let sleeper = try Tool.start("sleep", "60")
        defer { kill(sleeper.processIdentifier, SIGKILL) }
        return (try? StoppedThread(sleeper.processIdentifier)) != nil
    }

    /// The library that makes system calls of the program under test fail.
    static let shim = probe("compiling Tests/EndToEndTests/Shim/shim.c (clang, gcc or cc)") {
        _ = try Shim.library.get()
        return true
    }

    private static func probe(_ what: String, _ body: () throws -> Bool) -> Bool {
        if (try? body()) == true { return true }
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("SKIPPED: no \(what) here; the tests that need it do not run")
        return false
    }
}
