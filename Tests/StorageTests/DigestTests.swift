// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import TestSupport
import Testing

@Suite struct DigestTests {
    /// Vectors of FIPS 180-4 and its companion examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func publishedVectors(message: String, hex: String) {
        #expect(Digest.sha256(of: message).hex == hex)
    }

    @Test(arguments: TestSeed.values(20))
    func piecesGiveTheDigestOfTheWhole(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let message = (0..<Int.random(in: 0...5000, using: &random))
            .map { _ in UInt8.random(in: 0...255, using: &random) }
        let builder = DigestBuilder()
        var start = 0
        while start < message.count {
            let end = min(message.count, start + Int.random(in: 0...300, using: &random))
            builder.update(Array(message[start..<end]))
            start = end
        }
        #expect(builder.finish() == Digest.sha256(of: message), "seed \(seed)")
    }

    /// Files of no piece, one and several.
    @Test(arguments: [0, 1000, 1 << 18, 600_000])
    func filesHaveTheDigestOfTheirBytes(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("digest-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try Digest.sha256(ofFile: path) == Digest.sha256(of: bytes))
        #expect(throws: (any Error).self) { try Digest.sha256(ofFile: path + ".missing") }
    }

    @Test func formsRoundTrip() throws {
        let digest = Digest.sha256(of: "counterbias")
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(digest.bytes.map { String(format: "%02x", $0) }.joined() == digest.description)
        let json = try JSONEncoder().encode([digest])
        #expect(String(decoding: json, as: UTF8.self) == "[\"\(digest.hex)\"]")
        #expect(try JSONDecoder().decode([Digest].self, from: json) == [digest])
    }

    @Test func otherTextIsNoDigest() {
        let hex = Digest.sha256(of: "").hex
        for text in ["", String(hex.dropLast()), hex + "0", hex.dropLast() + "g", " " + hex] {
            #expect(Digest(hex: text) == nil)
        }
        #expect(Digest(bytes: [UInt8](repeating: 0, count: 31)) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Digest].self, from: Data("[\"00\"]".utf8))
        }
    }

    @Test func orderIsThatOfTheHexadecimalForm() {
        let digests = (0..<50).map { Digest.sha256(of: "\($0)") }
        #expect(digests.sorted().map(\.hex) == digests.map(\.hex).sorted())
    }
}
