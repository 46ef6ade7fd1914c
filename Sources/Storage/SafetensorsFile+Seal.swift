// SPDX-License-Identifier: Apache-2.0

extension SafetensorsFile {
    /// The metadata key that holds a sealed file's digest.
    package static let sealKey = "sha256"

    /// The file's bytes with, under metadata key `sha256`, the SHA-256 of all of them: computed
    /// with 64 zeros in the place of the digest. Still an ordinary safetensors file.
    package func sealed() -> [UInt8] {
        var copy = self
        copy.metadata[Self.sealKey] = String(repeating: "0", count: 64)
        var bytes = copy.encoded()
        // The key was just written, so its place is found.
        guard let end = try? Self.headerEnd(of: bytes),
            let place = Self.sealPlace(in: bytes, headerEnd: end)
        else { preconditionFailure("a file just encoded has no place for its digest") }
        bytes.replaceSubrange(place, with: Digest.sha256(of: bytes).hex.utf8)
        return bytes
    }

    /// Decodes a sealed file after checking its digest. The `sha256` key stays in the metadata.
    /// - Throws: `SafetensorsError`; code `notSealed` or `digestMismatch` for the digest.
    package init(sealed bytes: [UInt8], file: String? = nil) throws(SafetensorsError) {
        do throws(SafetensorsError) {
            try Self.checkSeal(of: bytes)
        } catch {
            throw file.map(error.inFile) ?? error
        }
        try self.init(decoding: bytes, file: file)
    }

    private static func checkSeal(of bytes: [UInt8]) throws(SafetensorsError) {
        let headerEnd = try headerEnd(of: bytes)
        guard let place = sealPlace(in: bytes, headerEnd: headerEnd) else {
            throw SafetensorsError(.notSealed)
        }
        let builder = DigestBuilder()
        bytes.withUnsafeBytes { source in
            builder.update(UnsafeRawBufferPointer(rebasing: source[..<place.lowerBound]))
            builder.update([UInt8](repeating: UInt8(ascii: "0"), count: place.count))
            builder.update(UnsafeRawBufferPointer(rebasing: source[place.upperBound...]))
        }
        let actual = builder.finish().hex
        guard actual.utf8.elementsEqual(bytes[place]) else {
            throw SafetensorsError(
                .digestMismatch(
                    recorded: String(decoding: bytes[place], as: UTF8.self), actual: actual))
        }
    }

    /// Where the 64 digits stand. A quotation mark inside a JSON string is escaped, so the pattern
    /// can only match at a key.
    private static func sealPlace(in bytes: [UInt8], headerEnd: Int) -> Range<Int>? {
        let pattern = Array("\"\(sealKey)\":\"".utf8)
        let digits = 2 * Digest.byteCount
        return bytes.withUnsafeBytes { source in
            var start = 8
            while start + pattern.count + digits < headerEnd {
                let candidate = source[start..<start + pattern.count]
                if candidate.first == pattern.first, candidate.elementsEqual(pattern) {
                    let first = start + pattern.count
                    return first..<first + digits
                }
                start += 1
            }
            return nil
        }
    }
}
