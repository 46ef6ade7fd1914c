// SPDX-License-Identifier: Apache-2.0

import Cluster
import TestSupport

/// Damages valid inputs. The same seed gives the same inputs on every machine.
package struct FuzzMutator {
    private var generator: SeededGenerator
    private let samples: [[[UInt8]]]
    private let isMessage: Bool
    private let isSafetensors: Bool
    private let keepsSizes: Bool

    package init(_ target: FuzzTarget, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        samples = FuzzSamples.shared.of(target)
        isMessage = [.message, .task].contains(target)
        keepsSizes = target == .results
        isSafetensors =
            switch target {
            case .message, .target, .biases, .results, .task: false
            case .network, .quantized, .rescaling, .safetensors, .checkpoint, .resume: true
            }
    }

    /// The next input: a sample with 1 to 8 changes.
    package mutating func next() -> [[UInt8]] {
        var frames = samples[below(samples.count)]
        for _ in 0...below(below(8) + 1) {
            switch below(40) {
            case 0: frames.append(frames[below(frames.count)])
            case 1 where frames.count > 1: frames.remove(at: below(frames.count))
            case 2: frames.swapAt(0, below(frames.count))
            default: change(&frames, at: below(frames.count))
            }
        }
        return frames
    }

    private mutating func change(_ frames: inout [[UInt8]], at index: Int) {
        guard isMessage, index == 0, frames[0].count >= MessageCodec.checksumBytes, below(20) > 0
        else { return change(&frames[index]) }
        // The header by itself, with a checksum that fits: else nothing gets behind the checksum.
        var header = Array(frames[0].dropLast(MessageCodec.checksumBytes))
        damage(&header)
        frames[0] = MessageCodec.sealed(header)
    }

    private mutating func change(_ frame: inout [UInt8]) {
        guard isSafetensors, let end = Self.headerEnd(frame), below(10) > 0 else {
            return damage(&frame)
        }
        // The parts by themselves, with a length that fits: else nothing gets behind the length
        // check.
        var header = Array(frame[8..<end])
        var data = Array(frame[end...])
        if below(5) == 0 { damage(&data, asText: false) } else { damage(&header, asText: true) }
        frame = withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header + data
    }

    private static func headerEnd(_ frame: [UInt8]) -> Int? {
        guard frame.count >= 8 else { return nil }
        let length = frame.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        guard length <= UInt64(frame.count - 8) else { return nil }
        return 8 + Int(length)
    }

    /// Sizes are checked first: what keeps them gets further.
    private mutating func damage(_ bytes: inout [UInt8]) {
        if keepsSizes, below(8) > 0 {
            overwrite(&bytes, at: 8 * below(bytes.count / 8 + 1))
        } else {
            damage(&bytes, asText: false)
        }
    }

    private mutating func damage(_ bytes: inout [UInt8], asText: Bool) {
        let place = below(bytes.count + 1)
        if asText, below(3) > 0 { return edit(&bytes, at: place) }
        switch below(8) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
        case 1 where place < bytes.count: bytes[place] = Self.bytes[below(Self.bytes.count)]
        case 2 where place < bytes.count: bytes[place] = UInt8(below(256))
        case 3: bytes.removeSubrange(place...)
        case 4: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
        case 5:
            bytes.insert(
                contentsOf: (0...below(16)).map { _ in UInt8.random(in: 0...255, using: &generator)
                }, at: place)
        case 6:
            let from = below(bytes.count + 1)
            let part = Array(bytes[from..<min(bytes.count, from + below(64))])
            bytes.insert(contentsOf: part, at: place)
        default: overwrite(&bytes, at: place)
        }
    }

    /// A number of 2, 4 or 8 bytes.
    private mutating func overwrite(_ bytes: inout [UInt8], at place: Int) {
        let number = Self.numbers[below(Self.numbers.count)]
        let width = 2 << below(3)
        guard place + width <= bytes.count else { return }
        withUnsafeBytes(of: number.littleEndian) {
            bytes.replaceSubrange(place..<place + width, with: $0.prefix(width))
        }
    }

    /// Swaps numbers and words of a JSON text for others, or moves a piece of it.
    private mutating func edit(_ text: inout [UInt8], at place: Int) {
        switch below(4) {
        case 0, 1:
            // The next number behind the place.
            guard let start = text[place...].firstIndex(where: Self.isDigit) else { return }
            let end = text[start...].firstIndex { !Self.isDigit($0) } ?? text.count
            text.replaceSubrange(start..<end, with: Self.words[below(Self.words.count)])
        case 2: text.insert(contentsOf: Self.marks[below(Self.marks.count)], at: place)
        default:
            guard let start = text[place...].firstIndex(of: UInt8(ascii: "\"")) else { return }
            let end = text[(start + 1)...].firstIndex(of: UInt8(ascii: "\"")) ?? text.count - 1
            let piece = Array(text[start...end])
            switch below(3) {
            case 0: text.removeSubrange(start...end)
            case 1: text.insert(contentsOf: piece, at: below(text.count + 1))
            default:
                text.replaceSubrange(start...end, with: Self.marks[below(Self.marks.count)])
            }
        }
    }

    private mutating func below(_ limit: Int) -> Int {
        Int(generator.next() % UInt64(max(limit, 1)))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static let bytes: [UInt8] = [0, 1, 0x22, 0x2C, 0x5B, 0x5C, 0x7B, 0x7F, 0x80, 0xFF]

    private static let numbers: [UInt64] = [
        0, 1, .max, 1 << 63, 1 << 63 - 1, 1 << 62, 1 << 48, 1 << 32, 1 << 32 - 1, 1 << 31,
        1 << 31 - 1, 1 << 16, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7FF0_0000_0000_0000,
        0x7FF8_0000_0000_0000,
    ]

    private static let words: [[UInt8]] = [
        "0", "1", "2", "3", "4", "5", "8", "12", "16", "255", "256", "4095", "4096", "65535",
        "262144",
        "262145", "2147483647", "2147483648", "4294967295", "4294967296", "1152921504606846976",
        "4611686018427387904", "9223372036854775807", "9223372036854775808", "18446744073709551615",
        "99999999999999999999999", "-0", "-1", "-9223372036854775808", "1e9", "1e308", "1e999",
        "0.5",
        "01", "null", "true", "", "[]", "{}", "\\\"x\\\"", "0,0", "1,1", "2305843009213693952,0",
    ].map { Array($0.utf8) }

    private static let marks: [[UInt8]] = [
        "\"", "\\\"", ",", ":", "{", "}", "[", "]", "[[[[", "{\"\":", "\\u0000", "\\ud800",
        "\\udc00",
        "\"F32\"", "\"F64\"", "\"I8\"", "\"I16\"", "\"I32\"", "\"I64\"", "\"U8\"", "\"dtype\"",
        "\"shape\":[0]", "\"data_offsets\"", "\"__metadata__\":{}", "\"sha256\":\"", "\"bias.0\"",
        "\"graph\"", "\"stage\":\"measuring\"", "\"stage\":\"correcting 1\"", "tuning",
        "stepping 1 0",
        "\u{e9}", "e\u{301}", "\u{0}", " ",
    ].map { Array($0.utf8) }
}
