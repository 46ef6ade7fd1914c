// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Imaging

/// Files that `scripts/fixtures/make-image-fixtures` wrote.
enum Fixtures {
    private static let testFolder = parent(of: #filePath)
    static let folder = testFolder + "/Fixtures"

    /// Photographs that are not part of the project; nil where they are absent.
    static let photographs: String? = {
        let project = parent(of: parent(of: testFolder))
        let images = parent(of: project) + "/shared/images"
        return (try? DiskAccess.names(in: images)) == nil ? nil : images
    }()

    private static func parent(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        try DiskAccess.read("\(folder)/\(name)")
    }

    /// Rows of a table of tab-separated fields, without the heading.
    static func table(_ name: String) throws -> [[String]] {
        let text = String(decoding: try bytes(name), as: UTF8.self)
        return text.split(separator: "\n").dropFirst().map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }
}

/// 64-bit FNV-1a in hexadecimal.
func digest(_ bytes: [UInt8]) -> String {
    var state: UInt64 = 0xCBF2_9CE4_8422_2325
    bytes.withUnsafeBufferPointer { buffer in
        for byte in buffer { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    let text = String(state, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
}

/// Of the little-endian bytes.
func digest(_ values: [Float]) -> String {
    digest(values.flatMap { value in (0..<4).map { UInt8(value.bitPattern >> (8 * $0) & 0xFF) } })
}

/// Upper bytes of a 64-bit linear congruence, as in the script.
struct Noise {
    var state: UInt64

    mutating func byte() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(state >> 56)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }

    /// In `0..<bound`, at most 2^32.
    mutating func number(below bound: Int) -> Int {
        let bits = (0..<4).reduce(UInt64(0)) { sum, _ in sum << 8 | UInt64(byte()) }
        return Int((bits * UInt64(bound)) >> 32)
    }
}
