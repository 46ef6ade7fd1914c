// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

/// Keys and allow-lists that somebody else could change. Directories of tests lie in `/tmp`, which
/// is sticky.
@Suite struct PathTrustTests {
    private static let stranger: uid_t = 12_345
    private let directory: TemporaryDirectory
    private let key: CurveKeyPair

    init() throws {
        directory = try TemporaryDirectory()
        key = try CurveKeyPair.generate()
    }

    /// A directory in the test's own, with a list of one key in it.
    private func list(in name: String) throws -> String {
        let folder = directory.file(name)
        try #require(mkdir(folder, 0o700) == 0)
        try write(key.publicKey.z85 + "\n", to: folder + "/list")
        return folder + "/list"
    }

    private func expectRefusal(
        _ path: String, because of: String, remedy: String,
        at location: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ZeroMQError.self, sourceLocation: location) {
            try AllowList(path: path).load()
        }
        #expect(error?.code == .allowListExposed, sourceLocation: location)
        let text = error?.description ?? ""
        #expect(text.contains(of), "\(text)", sourceLocation: location)
        #expect(text.contains(remedy), "\(text)", sourceLocation: location)
    }

    @Test(arguments: [0o660, 0o606, 0o622] as [mode_t])
    func listsThatOthersMayWrite(mode: mode_t) throws {
        let path = try list(in: "a")
        _ = try AllowList(path: path).load()
        try #require(chmod(path, mode) == 0)
        expectRefusal(path, because: "\(path) may be written", remedy: "chmod go-w \(path)")
    }

    @Test(arguments: [0o770, 0o707] as [mode_t])
    func parentsThatOthersMayWrite(mode: mode_t) throws {
        let path = try list(in: "a")
        try #require(chmod(directory.path, mode) == 0)
        expectRefusal(
            path, because: "\(directory.path) may be written",
            remedy: "chmod go-w \(directory.path)")
        // Names in it belong to their owners alone.
        try #require(chmod(directory.path, mode | S_ISVTX) == 0)
        _ = try AllowList(path: path).load()
    }

    @Test func stickyFoldersAreNoLists() throws {
        let path = try list(in: "a")
        try KeyFile.writePublic(key.publicKey, to: directory.file("a/worker.pub"))
        let folder = String(path.dropLast("/list".count))
        _ = try AllowList(path: folder).load()
        try #require(chmod(folder, 0o1777) == 0)
        expectRefusal(folder, because: folder, remedy: "chmod go-w")
    }

    @Test func linksInFoldersThatOthersMayWrite() throws {
        let path = try list(in: "good")
        try #require(mkdir(directory.file("open"), 0o700) == 0)
        let link = directory.file("open/list")
        try #require(symlink("../good/./list", link) == 0)
        #expect(try AllowList(path: link).load().names.count == 1)
        try #require(chmod(directory.file("open"), 0o777) == 0)
        expectRefusal(
            link, because: directory.file("open") + " may", remedy: directory.file("open"))
        // What it leads through counts too.
        try #require(symlink(link, directory.file("far")) == 0)
        expectRefusal(
            directory.file("far"), because: directory.file("open") + " may", remedy: "chmod")
        #expect(PathTrust.weakness(of: path) == nil)
        try #require(symlink(directory.file("ring"), directory.file("ring")) == 0)
        #expect(PathTrust.weakness(of: directory.file("ring")) == nil)
        #expect(PathTrust.weakness(of: directory.file("absent/list")) == nil)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to give files away"))
    func whatBelongsToOthers() throws {
        let path = try list(in: "a")
        try #require(chown(path, Self.stranger, 0) == 0)
        expectRefusal(path, because: "belongs to user 12345", remedy: "chown 0 \(path)")
        try #require(chown(path, 0, 0) == 0)
        try #require(chown(directory.file("a"), Self.stranger, 0) == 0)
        expectRefusal(path, because: "belongs to user 12345", remedy: "chown 0")
        try #require(chown(directory.file("a"), 0, 0) == 0)
        // Everybody may put a link into a sticky directory.
        try #require(chmod(directory.path, 0o1777) == 0)
        let link = directory.file("link")
        try #require(symlink(path, link) == 0)
        _ = try AllowList(path: link).load()
        try #require(lchown(link, Self.stranger, 0) == 0)
        expectRefusal(link, because: "belongs to user 12345", remedy: "chown 0 \(link)")
    }

    @Test func entriesAdmitNobodyElse() throws {
        let other = try CurveKeyPair.generate().publicKey
        try KeyFile.writePublic(key.publicKey, to: directory.file("a.pub"))
        try #require(mkdir(directory.file("open"), 0o700) == 0)
        try KeyFile.writePublic(other, to: directory.file("open/b.pub"))
        try #require(symlink("open/b.pub", directory.file("b.pub")) == 0)
        #expect(try AllowList(path: directory.path).load().names.count == 2)
        try #require(chmod(directory.file("open"), 0o777) == 0)
        try #require(chmod(directory.file("a.pub"), 0o664) == 0)
        let allowed = try AllowList(path: directory.path).load()
        #expect(allowed.names.isEmpty)
        #expect(allowed.problems.map(\.code) == [.allowListExposed, .allowListExposed])
    }

    @Test func keysThatOthersCouldReplace() throws {
        let folder = directory.file("keys")
        try #require(mkdir(folder, 0o700) == 0)
        try KeyFile.writeSecret(key, to: folder + "/a.key")
        try KeyFile.writePublic(key.publicKey, to: folder + "/a.pub")
        _ = try KeyFile.readSecret(folder + "/a.key")
        _ = try KeyFile.readPublic(folder + "/a.pub")
        try #require(chmod(folder, 0o720) == 0)
        for read in [
            { _ = try KeyFile.readSecret(folder + "/a.key") },
            { _ = try KeyFile.readPublic(folder + "/a.pub") },
        ] {
            let error = #expect(throws: ZeroMQError.self) { try read() }
            #expect(error?.code == .keyFileReplaceable)
            #expect(error?.description.contains("chmod go-w \(folder)") == true)
        }
    }
}
