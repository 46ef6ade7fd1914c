// SPDX-License-Identifier: Apache-2.0

import Storage
import TestSupport
import Testing

@Suite struct SafetensorsPropertyTests {
    @Test(arguments: TestSeed.values(60))
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let file = try randomFile(&random)
        let bytes = file.encoded()
        #expect((bytes.count - byteCount(of: file)) % 8 == 0, "seed \(seed)")
        let decoded = try SafetensorsFile(decoding: bytes)
        #expect(decoded == file, "seed \(seed)")
        #expect(decoded.encoded() == bytes, "seed \(seed)")
        for tensor in decoded.tensors {
            #expect(try decoded.bytes(tensor.name) == file.bytes(tensor.name), "seed \(seed)")
        }

        let sealed = file.sealed()
        let opened = try SafetensorsFile(sealed: sealed)
        #expect(opened.metadata["sha256"]?.count == 64)
        #expect(opened.sealed() == sealed, "seed \(seed)")
    }

    /// Any change of one bit, anywhere, is noticed.
    @Test func sealCoversEveryBit() throws {
        var file = SafetensorsFile(metadata: ["round": "3", "zzz": "last"])
        try file.add("sha256", [1, 2, 3] as [Float])
        let sealed = file.sealed()
        for index in sealed.indices {
            for bit in 0..<8 {
                var damaged = sealed
                damaged[index] ^= 1 << bit
                #expect(throws: SafetensorsError.self) { try SafetensorsFile(sealed: damaged) }
            }
        }
        for count in sealed.indices {
            #expect(throws: SafetensorsError.self) {
                try SafetensorsFile(sealed: Array(sealed[..<count]))
            }
        }
    }

    /// Mutated files are refused or decode to something consistent; nothing traps.
    @Test(arguments: TestSeed.values(40))
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed ^ 0xF022)
        let original =
            try seed % 2 == 0 ? fixture("all_types.safetensors") : randomFile(&random).encoded()
        for _ in 0..<250 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
            guard let file = try? SafetensorsFile(decoding: bytes) else { continue }
            var total = 0
            for tensor in file.tensors { total += try file.bytes(tensor.name).count }
            #expect(total == byteCount(of: file) && total <= bytes.count, "seed \(seed)")
            #expect(try SafetensorsFile(decoding: file.encoded()) == file, "seed \(seed)")
        }
    }

    private func byteCount(of file: SafetensorsFile) -> Int {
        file.tensors.reduce(0) { $0 + $1.shape.reduce($1.type.byteCount, *) }
    }

    private func randomFile(_ random: inout SeededGenerator) throws -> SafetensorsFile {
        let letters = ["a", "é", "\"", "\\", "/", "\n", "\u{7}", "日", "🙂", " ", "{", "e\u{301}"]
        func text() -> String {
            (0..<Int.random(in: 0...6, using: &random))
                .map { _ in letters.randomElement(using: &random) ?? "" }.joined()
        }
        var file = SafetensorsFile()
        for _ in 0..<Int.random(in: 0...3, using: &random) { file.metadata[text()] = text() }
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            let name = text()
            guard file[name] == nil else { continue }
            let shape = (0..<Int.random(in: 0...4, using: &random))
                .map { _ in Int.random(in: 0...4, using: &random) }
            let type = TensorType.allCases.randomElement(using: &random) ?? .float
            let bytes = (0..<shape.reduce(type.byteCount, *))
                .map { _ in UInt8.random(in: 0...255, using: &random) }
            try bytes.withUnsafeBytes {
                try file.add(name, type: type, shape: shape, bytes: $0)
            }
        }
        return file
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        // Most of the interest lies in the header.
        let end = Bool.random(using: &random) ? min(bytes.count, 300) : bytes.count
        let index = Int.random(in: 0..<end, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: index)
        case 3:
            let symbols = Array("{}[]\",:0919 \\u".utf8)
            bytes.insert(symbols.randomElement(using: &random) ?? 0, at: index)
        case 4: bytes.removeSubrange(index...)
        default:
            let numbers = ["18446744073709551615", "9223372036854775807", "4611686018427387904"]
            bytes.insert(contentsOf: (numbers.randomElement(using: &random) ?? "").utf8, at: index)
        }
    }
}
