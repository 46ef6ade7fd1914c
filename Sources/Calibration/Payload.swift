// SPDX-License-Identifier: Apache-2.0

/// Raw little-endian arrays one after another: the form in which shard results travel.
struct PayloadWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<Element: BitwiseCopyable>(_ values: [Element]) {
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
}

/// Reads what ``PayloadWriter`` wrote; lengths come from the network, never from the payload.
struct PayloadReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read<Element: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ type: Element.Type, count: Int
    ) throws(CalibrationError) -> [Element] {
        let size = count * MemoryLayout<Element>.stride
        guard offset + size <= bytes.count else {
            throw CalibrationError(.malformedResult(expected: offset + size, found: bytes.count))
        }
        var values = [Element](repeating: 0, count: count)
        values.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + size]))
            }
        }
        offset += size
        return values
    }

    func finish() throws(CalibrationError) {
        guard offset == bytes.count else {
            throw CalibrationError(.malformedResult(expected: offset, found: bytes.count))
        }
    }
}
