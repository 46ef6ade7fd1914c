// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// SHA-256 over bytes that arrive in pieces.
package struct DigestBuilder: ~Copyable {
    private let context: OpaquePointer

    /// The digest of no bytes so far; ends the process where libcrypto has no SHA-256.
    package init() {
        guard let context = EVP_MD_CTX_new(),
            EVP_DigestInit_ex2(context, SHA256Algorithm.shared.pointer, nil) == 1
        else { fatalError("libcrypto cannot compute SHA-256; check the OpenSSL installation") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Appends `bytes` to the message.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            fatalError("libcrypto failed to update a SHA-256 digest")
        }
    }

    /// Appends `bytes` to the message.
    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of everything appended.
    package consuming func finish() -> Digest {
        let digest = withUnsafeTemporaryAllocation(
            byteCount: Digest.byteCount, alignment: 8
        ) { output in
            let written = EVP_DigestFinal_ex(
                context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
            return written == 1 ? Digest(bytes: UnsafeRawBufferPointer(output)) : nil
        }
        guard let digest else { fatalError("libcrypto failed to finish a SHA-256 digest") }
        return digest
    }
}

/// The algorithm, looked up once: OpenSSL 3 otherwise searches its providers for every message.
///
/// Unchecked because a fetched `EVP_MD` is immutable and may be shared between threads.
private struct SHA256Algorithm: @unchecked Sendable {
    static let shared = SHA256Algorithm()
    let pointer: OpaquePointer?

    private init() { pointer = EVP_MD_fetch(nil, "SHA256", nil) ?? EVP_sha256() }
}
