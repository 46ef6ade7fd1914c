// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct AllowListTests {
    private let keys = (0..<3).compactMap { index in
        PublicKey(bytes: [UInt8](repeating: UInt8(index), count: 32))
    }

    @Test func directoryNamesKeysAfterFiles() throws {
        let directory = try TemporaryDirectory()
        try KeyFile.writePublic(keys[0], to: directory.file("rack-1.pub"))
        try KeyFile.writePublic(keys[1], to: directory.file("rack-2.pub"))
        try write("note to self", to: directory.file("README"))
        try write("partial", to: directory.file(".rack-3.pub"))
        let allowed = try AllowList(path: directory.path).load()
        #expect(allowed.names == [keys[0]: "rack-1", keys[1]: "rack-2"])
        #expect(allowed.problems.isEmpty)
    }

    @Test func badEntriesAdmitNobodyButThemselves() throws {
        let directory = try TemporaryDirectory()
        try KeyFile.writePublic(keys[0], to: directory.file("a.pub"))
        try KeyFile.writePublic(keys[0], to: directory.file("b.pub"))
        try KeyFile.writePublic(keys[1], to: directory.file("no name.pub"))
        try write("rubbish", to: directory.file("c.pub"))
        try KeyFile.writeSecret(.generate(), to: directory.file("d.pub"))
        let allowed = try AllowList(path: directory.path).load()
        #expect(allowed.names == [keys[0]: "a"])
        #expect(
            allowed.problems.map(\.code) == [
                .allowListMalformed, .keyMalformed, .keyKindMismatch, .allowListMalformed,
            ])
        #expect(allowed.problems.compactMap(\.file).count == 4)
    }

    @Test func fileHoldsOneKeyPerLine() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("list")
        try write(
            "# workers\n\n\(keys[0].z85)\n  \(keys[1].z85)\tgpu \npublic-key = \"\(keys[2].z85)\"",
            to: path)
        #expect(
            try AllowList(path: path).load().names
                == [keys[0]: "line-3", keys[1]: "gpu", keys[2]: "line-5"])
    }

    @Test(arguments: ["short", "a b c", "#comment", "secret-key = \"x\""])
    func badLineIsNamed(_ line: String) throws {
        let directory = try TemporaryDirectory()
        try write("#\n\(line)\n", to: directory.file("list"))
        let error = #expect(throws: ZeroMQError.self) {
            try AllowList(path: directory.file("list")).load()
        }
        #expect(error?.code == .allowListMalformed)
        #expect(error?.detail?.hasPrefix("line 2: ") == true)
    }

    @Test func listAnyoneCanChangeIsRefused() throws {
        let directory = try TemporaryDirectory()
        try #require(chmod(directory.path, 0o777) == 0)
        let error = #expect(throws: ZeroMQError.self) {
            try AllowList(path: directory.path).load()
        }
        #expect(error?.code == .allowListExposed)
    }

    @Test func entryAnyoneCanChangeAdmitsNobody() throws {
        let directory = try TemporaryDirectory()
        try KeyFile.writePublic(keys[0], to: directory.file("a.pub"))
        try KeyFile.writePublic(keys[1], to: directory.file("b.pub"))
        try #require(chmod(directory.file("a.pub"), 0o646) == 0)
        let allowed = try AllowList(path: directory.path).load()
        #expect(allowed.names == [keys[1]: "b"])
        #expect(allowed.problems.map(\.code) == [.allowListExposed])
    }

    @Test func renamedKeyStaysAdmitted() throws {
        let directory = try TemporaryDirectory()
        try KeyFile.writePublic(keys[0], to: directory.file("a.pub"))
        let list = AllowList(path: directory.path)
        #expect(try list.load().admits(keys[0]))
        try #require(rename(directory.file("a.pub"), directory.file("b.pub")) == 0)
        #expect(try list.load().admits(keys[0]))
        try KeyFile.writePublic(keys[1], to: directory.file("a.pub"))
        try #require(unlink(directory.file("b.pub")) == 0)
        #expect(try !list.load().admits(keys[0]))
    }

    @Test func requestsAreDecidedOneByOne() throws {
        let directory = try TemporaryDirectory()
        try KeyFile.writePublic(keys[0], to: directory.file("a.pub"))
        let core = try AuthenticatorCore(
            AllowListWatch(AllowList(path: directory.path)))
        func status(_ key: [UInt8], domain: String = "counterbias", mechanism: String = "CURVE")
            -> String?
        {
            let text = ["1.0", "1", domain, "10.0.0.1", "", mechanism].map { Array($0.utf8) }
            return ZAPRequest(frames: text + [key]).map { core.answer($0).status }
        }
        #expect(status(keys[0].bytes) == "200")
        #expect(status(keys[1].bytes) == "400")
        #expect(status(Array(keys[0].bytes.dropLast())) == "400")
        #expect(status(keys[0].bytes, domain: "other") == "400")
        #expect(status(keys[0].bytes, mechanism: "NULL") == "400")
        #expect(status(keys[0].bytes, mechanism: "PLAIN") == "400")
        #expect(ZAPRequest(frames: []) == nil)
        #expect(ZAPRequest(frames: Array(repeating: Array("2.0".utf8), count: 7)) == nil)
        #expect(core.takeRefusals().refusals.count == 5)
        for _ in 0..<70 { _ = status(keys[1].bytes) }
        let log = core.takeRefusals()
        #expect(log.refusals.count == 64)
        #expect(log.dropped == 6)
    }

    @Test func replyCarriesNameAndKey() throws {
        let user = AuthenticatedUser(name: "a", publicKey: keys[0])
        let frames = ZAPReply.admitted(user).frames(requestID: [1])
        let metadata =
            [12] + Array("X-Public-Key".utf8) + [0, 0, 0, 40] + Array(keys[0].z85.utf8)
        #expect(
            frames == [
                Array("1.0".utf8), [1], Array("200".utf8), Array("OK".utf8), Array("a".utf8),
                metadata,
            ])
    }
}
