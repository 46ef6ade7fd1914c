// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Imaging

/// Damaged files give an error or an image, never a crash.
///
/// `COUNTERBIAS_FUZZ_COUNT` asks for more files.
@Suite struct FuzzTests {
    @Test func damagedFilesNeverCrash() throws {
        let count = ProcessEnvironment.number("COUNTERBIAS_FUZZ_COUNT") ?? 2000
        let seed = TestSeed.value
        let names = try DiskAccess.names(in: Fixtures.folder).names.filter { !$0.hasSuffix(".tsv") }
        let files = try names.sorted().map { try Fixtures.bytes($0) }
        let preprocessing = Preprocessing(resizeShortSide: 16, cropHeight: 4, cropWidth: 5)
        print("fuzz: \(count) damaged files from seed \(seed)")
        var decoded = 0
        for index in 0..<count {
            var mutator = Mutator(noise: Noise(state: seed &* 1_000_003 &+ UInt64(index)))
            let bytes = mutator.damage(files[index % files.count])
            do throws(ImageError) {
                var preprocessing = preprocessing
                preprocessing.exifOrientation = .apply
                // Every other pass over the files keeps alpha.
                preprocessing.channels = index / files.count % 2 == 0 ? 3 : 4
                let image = try ImageFile.prepare(
                    bytes: bytes, name: "\(index)", preprocessing: preprocessing,
                    maximumPixels: 1 << 18)
                #expect(image.count == 20 * preprocessing.channels)
                decoded += 1
            } catch {
                #expect(error.subject == "\(index)" && !error.description.isEmpty)
            }
        }
        print("fuzz: \(decoded) of them still decoded")
        // Both outcomes must occur, else the mutations are too weak or too strong.
        #expect(count < 1000 || (count / 50..<count * 49 / 50).contains(decoded))
    }
}

private struct Mutator {
    var noise: Noise

    mutating func damage(_ file: [UInt8]) -> [UInt8] {
        var bytes = file
        for _ in 0...noise.number(below: 4) where !bytes.isEmpty { change(&bytes) }
        // Else the checksum would keep all damage to PNG files away from the code behind it.
        if noise.number(below: 4) > 0 { repairChecksums(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        // Headers are where the decisions are made.
        let isEarly = noise.number(below: 2) == 0
        let position = noise.number(below: isEarly ? min(bytes.count, 64) : bytes.count)
        switch noise.number(below: 6) {
        case 0: bytes[position] ^= 1 << UInt8(noise.number(below: 8))
        case 1: bytes[position] = noise.byte()
        case 2: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF][noise.number(below: 5)]
        case 3: bytes.removeSubrange(noise.number(below: bytes.count)...)
        case 4:
            let end = min(bytes.count, position + 1 + noise.number(below: 40))
            bytes.removeSubrange(position..<end)
        default:
            let end = min(bytes.count, position + 1 + noise.number(below: 40))
            bytes.insert(contentsOf: Array(bytes[position..<end]), at: position)
        }
    }

    private func repairChecksums(_ bytes: inout [UInt8]) {
        guard bytes.count > 8, bytes[0] == 0x89 else { return }
        var position = 8
        while position + 12 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = position + 8 + length
            guard end + 4 <= bytes.count else { return }
            let checksum = crc32(bytes[position + 4..<end])
            for index in 0..<4 { bytes[end + index] = UInt8(checksum >> (24 - 8 * index) & 0xFF) }
            position = end + 4
        }
    }

    private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { state, byte in
            (0..<8).reduce(state ^ UInt32(byte)) { sum, _ in
                sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0)
            }
        }
    }
}
