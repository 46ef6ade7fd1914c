// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct AllowListWatchTests {
    private let directory: TemporaryDirectory
    private let keys: [PublicKey]

    init() throws {
        directory = try TemporaryDirectory()
        keys = try (0..<3).map { _ in try CurveKeyPair.generate().publicKey }
    }

    private func list(_ chosen: [PublicKey]) -> String { chosen.map { $0.z85 + "\n" }.joined() }

    @Test func changesOfAFileAreSeen() throws {
        let path = directory.file("list")
        try write(list([keys[0], keys[1]]), to: path)
        let watch = try AllowListWatch(AllowList(path: path))
        #expect(watch.refresh().generation == 1)
        // The same size, within the same tick of the file system's clock.
        try write(list([keys[0], keys[2]]), to: path)
        let reading = watch.refresh()
        #expect(reading.generation == 2)
        #expect(!reading.keys.admits(keys[1]) && reading.keys.admits(keys[2]))
        // Replaced by another file.
        try write(list([keys[1]]), to: path + ".new")
        try #require(rename(path + ".new", path) == 0)
        #expect(watch.refresh().generation == 3)
        // Other names are no other keys.
        try write(keys[1].z85 + " name\n", to: path)
        #expect(watch.refresh().generation == 3)
        #expect(watch.refresh(isForced: true).generation == 3)
    }

    @Test func oldFilesAreReadOnce() throws {
        let path = directory.file("list")
        try write(list([keys[0]]), to: path)
        try age(path)
        let watch = try AllowListWatch(AllowList(path: path))
        // The change time cannot be set back, so the watch may not trust the stamp yet; what it
        // gives is the same.
        #expect(watch.refresh().keys == watch.refresh().keys)
        try write("", to: path)
        #expect(watch.refresh().keys.names.isEmpty)
    }

    @Test func malformedFileLeavesTheEarlierList() throws {
        let path = directory.file("list")
        try write(list([keys[0]]), to: path)
        let watch = try AllowListWatch(AllowList(path: path))
        try write(list([keys[1]]) + "nonsense\n", to: path)
        let reading = watch.refresh()
        #expect(reading.fault?.code == .allowListMalformed)
        #expect(reading.generation == 1)
        #expect(reading.keys.admits(keys[0]) && !reading.keys.admits(keys[1]))
        try write(list([keys[1]]), to: path)
        let mended = watch.refresh()
        #expect(mended.fault == nil && mended.generation == 2)
        #expect(!mended.keys.admits(keys[0]) && mended.keys.admits(keys[1]))
    }

    @Test func missingOrExposedListLeavesTheEarlierOne() throws {
        let path = directory.file("list")
        try write(list([keys[0]]), to: path)
        let watch = try AllowListWatch(AllowList(path: path))
        try #require(chmod(path, 0o666) == 0)
        #expect(watch.refresh().fault?.code == .allowListExposed)
        try #require(unlink(path) == 0)
        let reading = watch.refresh()
        #expect(reading.fault?.code == .allowListUnreadable)
        #expect(reading.generation == 1 && reading.keys.admits(keys[0]))
    }

    @Test func halfWrittenEntryKeepsItsKey() throws {
        try KeyFile.writePublic(keys[0], to: directory.file("a.pub"))
        try KeyFile.writePublic(keys[1], to: directory.file("b.pub"))
        let watch = try AllowListWatch(AllowList(path: directory.path))
        try write("public-key = \"", to: directory.file("a.pub"))
        let reading = watch.refresh()
        #expect(reading.generation == 1 && reading.keys.admits(keys[0]))
        #expect(reading.keys.problems.count == 1)
        try write("public-key = \"\(keys[2].z85)\"\n", to: directory.file("a.pub"))
        let replaced = watch.refresh()
        #expect(!replaced.keys.admits(keys[0]) && replaced.keys.admits(keys[2]))
        try #require(unlink(directory.file("b.pub")) == 0)
        #expect(!watch.refresh().keys.admits(keys[1]))
    }

    @Test func authenticatorFollows() throws {
        let path = directory.file("list")
        try write(list([keys[0]]), to: path)
        let core = try AuthenticatorCore(AllowListWatch(AllowList(path: path)))
        func status(_ key: PublicKey) -> String? {
            let text = ["1.0", "1", "counterbias", "10.0.0.1", "", "CURVE"].map { Array($0.utf8) }
            return ZAPRequest(frames: text + [key.bytes]).map { core.answer($0).status }
        }
        #expect(status(keys[0]) == "200" && status(keys[1]) == "400")
        try write("nonsense\n", to: path)
        #expect(status(keys[0]) == "200" && status(keys[1]) == "400")
        try write(list([keys[1]]), to: path)
        #expect(status(keys[0]) == "400" && status(keys[1]) == "200")
        try #require(chmod(path, 0o666) == 0)
        #expect(status(keys[1]) == "300")
        try #require(unlink(path) == 0)
        #expect(status(keys[1]) == "300")
    }

    private func age(_ path: String) throws {
        let past = timespec(tv_sec: 1_000_000_000, tv_nsec: 0)
        let times = [past, past]
        try #require(utimensat(AT_FDCWD, path, times, 0) == 0)
    }
}
