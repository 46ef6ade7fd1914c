// SPDX-License-Identifier: Apache-2.0

import CZeroMQ

/// A CURVE public key: 32 bytes, written as 40 characters of Z85.
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// 32 of them.
    package let bytes: [UInt8]

    /// - Throws: `.keyMalformed`.
    package init(z85 text: some StringProtocol) throws(ZeroMQError) {
        bytes = try CurveKeyText.decode(text)
    }

    init?(bytes: [UInt8]) {
        guard bytes.count == CurveKeyText.byteCount else { return nil }
        self.bytes = bytes
    }

    /// 40 characters, as key files have them.
    package var z85: String { Z85.encode(bytes) }

    package var description: String { z85 }
}

/// A CURVE secret key. Its text never shows it.
package struct SecretKey: Sendable, CustomStringConvertible, CustomReflectable {
    let bytes: [UInt8]

    /// - Throws: `.keyMalformed`.
    package init(z85 text: some StringProtocol) throws(ZeroMQError) {
        bytes = try CurveKeyText.decode(text)
    }

    /// For writing key files, and nothing else.
    var z85: String { Z85.encode(bytes) }

    package var description: String { "(secret key)" }
    /// Without children: dumps show no key either.
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The public key that belongs to it.
    /// - Throws: `.keyFailed` if libzmq was built without CURVE.
    package func publicKey() throws(ZeroMQError) -> PublicKey {
        var text = [CChar](repeating: 0, count: CurveKeyText.characterCount + 1)
        guard zmq_curve_public(&text, z85) == 0 else { throw .library(.keyFailed) }
        return try PublicKey(z85: CurveKeyText.string(text))
    }
}

/// Both keys of one side.
package struct CurveKeyPair: Sendable {
    /// To be given to the other side.
    package let publicKey: PublicKey
    /// Stays on this machine.
    package let secretKey: SecretKey

    /// - Throws: `.keyPairMismatch` if the keys do not belong together, `.keyFailed`.
    package init(publicKey: PublicKey, secretKey: SecretKey) throws(ZeroMQError) {
        guard try secretKey.publicKey() == publicKey else { throw ZeroMQError(.keyPairMismatch) }
        self.publicKey = publicKey
        self.secretKey = secretKey
    }

    /// A new pair from the operating system's random numbers.
    /// - Throws: `.keyFailed` if libzmq was built without CURVE.
    package static func generate() throws(ZeroMQError) -> CurveKeyPair {
        var publicText = [CChar](repeating: 0, count: CurveKeyText.characterCount + 1)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw .library(.keyFailed) }
        return try CurveKeyPair(
            publicKey: PublicKey(z85: CurveKeyText.string(publicText)),
            secretKey: SecretKey(z85: CurveKeyText.string(secretText)))
    }
}

/// What both kinds of key have in common.
enum CurveKeyText {
    static let byteCount = 32
    static let characterCount = 40

    static func decode(_ text: some StringProtocol) throws(ZeroMQError) -> [UInt8] {
        guard text.utf8.count == characterCount else {
            throw ZeroMQError(.keyMalformed, detail: "\(text.utf8.count) characters")
        }
        guard let bytes = Z85.decode(text) else {
            throw ZeroMQError(.keyMalformed, detail: "characters outside Z85")
        }
        return bytes
    }

    static func string(_ characters: [CChar]) -> String {
        String(
            decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
