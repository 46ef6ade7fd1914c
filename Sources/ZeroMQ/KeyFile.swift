// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Key files: short text, one per key.
///
///     # comment
///     public-key = "40 characters of Z85"
///     secret-key = "40 characters of Z85"      (only in .key files)
///
/// A comment line is `#` alone or `#` and a space, since Z85 itself has a `#`.
package enum KeyFile {
    static let limit = 4_096

    /// Writes both keys to a new file only its owner can read.
    /// - Throws: `.fileExists`, `.fileWriteFailed`.
    package static func writeSecret(
        _ pair: CurveKeyPair, to path: String
    ) throws(ZeroMQError) {
        let text = """
            # Secret key of Counterbias. Keep it on this machine, readable by its owner only.
            public-key = "\(pair.publicKey.z85)"
            secret-key = "\(pair.secretKey.z85)"

            """
        try SmallFile.create(path, text: text, mode: 0o600)
    }

    /// Writes the public key to a new file.
    /// - Throws: `.fileExists`, `.fileWriteFailed`.
    package static func writePublic(_ key: PublicKey, to path: String) throws(ZeroMQError) {
        let text = """
            # Public key of Counterbias. It may be copied freely.
            public-key = "\(key.z85)"

            """
        try SmallFile.create(path, text: text, mode: 0o644)
    }

    /// - Throws: `.keyFileExposed` if group or others have any right to the file,
    ///   `.keyFileReplaceable` if they could put another in its place (see ``PathTrust``),
    ///   `.keyKindMismatch` for a public key file, `.keyMalformed`, `.keyPairMismatch`,
    ///   `.fileUnreadable`.
    package static func readSecret(_ path: String) throws(ZeroMQError) -> CurveKeyPair {
        let (text, mode) = try SmallFile.read(path, limit: limit)
        // A public key may be read by all; that it is the wrong file is the better answer.
        let found = try? KeyFileText(text, file: path)
        let isPublic = found?.publicKey != nil && found?.secretKey == nil
        guard isPublic || mode & 0o077 == 0 else {
            throw ZeroMQError(
                .keyFileExposed, file: path,
                detail: "its mode is \(String(mode & 0o777, radix: 8))")
        }
        try PathTrust.check(path, .keyFileReplaceable)
        let keys = try KeyFileText(text, file: path)
        guard let secretText = keys.secretKey else {
            throw ZeroMQError(
                .keyKindMismatch, file: path, detail: "it holds no secret-key line")
        }
        return try inFile(path) { () throws(ZeroMQError) in
            let secret = try SecretKey(z85: secretText)
            guard let publicText = keys.publicKey else {
                return try CurveKeyPair(publicKey: secret.publicKey(), secretKey: secret)
            }
            return try CurveKeyPair(publicKey: PublicKey(z85: publicText), secretKey: secret)
        }
    }

    /// - Throws: `.keyKindMismatch` for a secret key file, `.keyFileReplaceable` as for a secret
    ///   key, `.keyMalformed`, `.fileUnreadable`.
    package static func readPublic(_ path: String) throws(ZeroMQError) -> PublicKey {
        let text = try SmallFile.read(path, limit: limit).text
        try PathTrust.check(path, .keyFileReplaceable)
        return try publicKey(in: text, file: path)
    }

    /// The same for an entry of an allow-list.
    /// - Throws: `.allowListExposed` as well: whoever may write it decides whom it admits.
    static func readEntry(_ path: String) throws(ZeroMQError) -> PublicKey {
        let text = try SmallFile.read(path, limit: limit).text
        try PathTrust.check(entry: path, .allowListExposed)
        return try publicKey(in: text, file: path)
    }

    private static func publicKey(
        in text: String, file path: String
    ) throws(ZeroMQError) -> PublicKey {
        let keys = try KeyFileText(text, file: path)
        guard keys.secretKey == nil else {
            throw ZeroMQError(
                .keyKindMismatch, file: path, detail: "it holds a secret key; give the .pub file")
        }
        guard let text = keys.publicKey else {
            throw ZeroMQError(.keyMalformed, file: path, detail: "no public-key line")
        }
        return try inFile(path) { () throws(ZeroMQError) in try PublicKey(z85: text) }
    }

    /// Adds the file to the errors of `body`.
    static func inFile<Value>(
        _ path: String, _ body: () throws(ZeroMQError) -> Value
    ) throws(ZeroMQError) -> Value {
        do {
            return try body()
        } catch {
            var error = error
            error.file = path
            throw error
        }
    }
}

/// The lines of one key file, values unchecked.
struct KeyFileText {
    private(set) var publicKey: String?
    private(set) var secretKey: String?

    init(_ text: String, file: String) throws(ZeroMQError) {
        for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            guard let line = Self.content(line) else { continue }
            guard let (name, value) = Self.assignment(line) else {
                throw Self.malformed(file, index, "is not NAME = \"VALUE\"")
            }
            switch name {
            case "public-key" where publicKey == nil: publicKey = value
            case "secret-key" where secretKey == nil: secretKey = value
            case "public-key", "secret-key":
                throw Self.malformed(file, index, "repeats \(name)")
            default:
                throw Self.malformed(file, index, "is neither public-key nor secret-key")
            }
        }
    }

    /// A line without the space around it; nil for blank lines and comments.
    static func content(_ line: Substring) -> Substring? {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let end = line.lastIndex { !isSpace($0) }.map(line.index(after:)) ?? line.startIndex
        let line = line[..<end].drop(while: isSpace)
        return line.isEmpty || line == "#" || line.hasPrefix("# ") ? nil : line
    }

    /// Splits `name = "value"`.
    static func assignment(_ line: Substring) -> (name: String, value: String)? {
        guard let open = line.firstIndex(of: "\"") else { return nil }
        let head = line[..<open].filter { $0 != " " && $0 != "\t" }
        let tail = line[line.index(after: open)...]
        guard head.last == "=", tail.last == "\"" else { return nil }
        return (String(head.dropLast()), String(tail.dropLast()))
    }

    private static func malformed(_ file: String, _ index: Int, _ detail: String) -> ZeroMQError {
        ZeroMQError(.keyMalformed, file: file, detail: "a line \(detail)")
    }
}
