// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct KeyFileTests {
    /// The pair libzmq's own documentation uses.
    static let publicText = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    static let secretText = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

    @Test func z85KnownAnswer() throws {
        let bytes: [UInt8] = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]
        #expect(Z85.encode(bytes) == "HelloWorld")
        #expect(Z85.decode("HelloWorld") == bytes)
    }

    @Test func z85RefusesWhatItNeverWrites() {
        #expect(Z85.decode("Hell") == nil)
        #expect(Z85.decode("Hell~") == nil)
        #expect(Z85.decode("Hellö") == nil)
        #expect(Z85.decode("#####") == nil)
        #expect(Z85.decode("Hell\u{0}") == nil)
        #expect(Z85.decode("Hello\u{0}orld") == nil)
        #expect(Z85.decode("Hell\u{1}") == nil)
        #expect(Z85.decode("")?.isEmpty == true && Z85.encode([]).isEmpty)
        #expect(Z85.decode("%nSc0") == [255, 255, 255, 255])
        #expect(Z85.decode("%nSc1") == nil)
    }

    @Test func z85RoundTrip() {
        var generator = SeededGenerator(state: 7)
        for _ in 0..<1_000 {
            let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Z85.decode(Z85.encode(bytes)) == bytes, "seed 7")
        }
    }

    @Test func publicKeyFollowsFromSecretKey() throws {
        #expect(try SecretKey(z85: Self.secretText).publicKey().z85 == Self.publicText)
    }

    @Test func generatedPairsDifferAndFit() throws {
        let first = try CurveKeyPair.generate()
        let second = try CurveKeyPair.generate()
        #expect(first.publicKey != second.publicKey)
        #expect(try first.secretKey.publicKey() == first.publicKey)
        #expect(throws: ZeroMQError.self) {
            try CurveKeyPair(publicKey: first.publicKey, secretKey: second.secretKey)
        }
    }

    @Test func secretKeyIsNeverPrinted() throws {
        let pair = try CurveKeyPair(
            publicKey: PublicKey(z85: Self.publicText), secretKey: SecretKey(z85: Self.secretText))
        var dumped = ""
        dump(pair, to: &dumped)
        for text in ["\(pair)", String(reflecting: pair), "\(pair.secretKey)", dumped] {
            #expect(!text.contains(Self.secretText))
            #expect(!text.contains("\(pair.secretKey.bytes[0]), \(pair.secretKey.bytes[1])"))
        }
    }

    @Test func keySetIsCompleteAndPrivate() throws {
        let directory = try TemporaryDirectory()
        let out = directory.file("keys")
        let files = try KeySet.create(in: out)
        #expect(
            files.map { String($0.dropFirst(out.count + 1)) } == [
                "coordinator.key", "coordinator.pub", "worker.key", "worker.pub",
                "allowed/worker.pub",
            ])
        #expect(try mode(of: out) == 0o700)
        #expect(try files.map(mode(of:)) == [0o600, 0o644, 0o600, 0o644, 0o644])
        let worker = try KeyFile.readSecret(files[2])
        #expect(try KeyFile.readPublic(files[3]) == worker.publicKey)
        let allowed = try AllowList(path: out + "/allowed").load()
        #expect(allowed.names == [worker.publicKey: "worker"])
        #expect(try KeyFile.readSecret(files[0]).publicKey == KeyFile.readPublic(files[1]))
    }

    @Test(arguments: ["coordinator.key", "worker.pub", "allowed/worker.pub"])
    func keySetOverwritesNothing(_ present: String) throws {
        let directory = try TemporaryDirectory()
        try #require(mkdir(directory.file("allowed"), 0o700) == 0)
        try write("mine", to: directory.file(present))
        let error = #expect(throws: ZeroMQError.self) { try KeySet.create(in: directory.path) }
        #expect(error?.code == .fileExists)
        #expect(error?.file == directory.file(present))
        #expect(try SmallFile.read(directory.file(present), limit: 100).text == "mine")
        let files = try SmallFile.names(in: directory.path).filter { $0 != "allowed" }
        #expect(files.count <= 1)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o644, 0o601])
    func exposedSecretIsRefused(_ mode: mode_t) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a.key")
        try KeyFile.writeSecret(.generate(), to: path)
        try #require(chmod(path, mode) == 0)
        let error = #expect(throws: ZeroMQError.self) { try KeyFile.readSecret(path) }
        #expect(error?.code == .keyFileExposed)
        #expect(error?.description.contains("chmod 600 \(path)") == true)
        try #require(chmod(path, 0o400) == 0)
        _ = try KeyFile.readSecret(path)
    }

    @Test func kindsAreNotConfused() throws {
        let directory = try TemporaryDirectory()
        let pair = try CurveKeyPair.generate()
        try KeyFile.writeSecret(pair, to: directory.file("a.key"))
        try KeyFile.writePublic(pair.publicKey, to: directory.file("a.pub"))
        // Whatever its mode.
        let secret = #expect(throws: ZeroMQError.self) {
            try KeyFile.readSecret(directory.file("a.pub"))
        }
        #expect(secret?.code == .keyKindMismatch)
        let open = #expect(throws: ZeroMQError.self) {
            try KeyFile.readPublic(directory.file("a.key"))
        }
        #expect(open?.code == .keyKindMismatch)
        #expect(open?.description.contains(pair.secretKey.z85) == false)
    }

    @Test(arguments: [
        ("", ZeroMQError.Code.keyMalformed), ("hello", .keyMalformed),
        ("public-key = \"short\"", .keyMalformed), ("public-key = ", .keyMalformed),
        ("public-key = \"\(publicText)", .keyMalformed),
        ("public-key = \"\(publicText)x\"", .keyMalformed),
        ("public-key = \"~\(publicText.dropFirst())\"", .keyMalformed),
        ("public-key = \"\(publicText)\"\npublic-key = \"\(publicText)\"", .keyMalformed),
        ("private-key = \"\(publicText)\"", .keyMalformed),
        ("#comment\npublic-key = \"\(publicText)\"", .keyMalformed),
        ("secret-key = \"\(secretText)\"", .keyKindMismatch),
        (String(repeating: "#\n", count: 4_000), .fileUnreadable),
    ])
    func malformedPublicKeys(_ text: String, _ code: ZeroMQError.Code) throws {
        let directory = try TemporaryDirectory()
        try write(text, to: directory.file("a.pub"))
        let error = #expect(throws: ZeroMQError.self) {
            try KeyFile.readPublic(directory.file("a.pub"))
        }
        #expect(error?.code == code)
        #expect(error?.file == directory.file("a.pub"))
    }

    @Test func formatIsLenientAboutSpace() throws {
        let directory = try TemporaryDirectory()
        try write(
            "# by hand\r\n\n  public-key=\"\(Self.publicText)\" \t\r\n#\n",
            to: directory.file("a.pub"))
        #expect(try KeyFile.readPublic(directory.file("a.pub")).z85 == Self.publicText)
        try write("secret-key = \"\(Self.secretText)\"", to: directory.file("a.key"))
        #expect(try KeyFile.readSecret(directory.file("a.key")).publicKey.z85 == Self.publicText)
    }

    @Test func mismatchedPairIsRefused() throws {
        let directory = try TemporaryDirectory()
        let other = try CurveKeyPair.generate().publicKey.z85
        try write(
            "public-key = \"\(other)\"\nsecret-key = \"\(Self.secretText)\"\n",
            to: directory.file("a.key"))
        let error = #expect(throws: ZeroMQError.self) {
            try KeyFile.readSecret(directory.file("a.key"))
        }
        #expect(error?.code == .keyPairMismatch)
    }

    @Test func pipesAndDirectoriesAreNoKeys() throws {
        let directory = try TemporaryDirectory()
        try #require(mkfifo(directory.file("pipe"), 0o600) == 0)
        for path in [directory.file("pipe"), directory.path, directory.file("absent")] {
            let error = #expect(throws: ZeroMQError.self) { try KeyFile.readSecret(path) }
            #expect(error?.code == .fileUnreadable)
        }
    }
}
