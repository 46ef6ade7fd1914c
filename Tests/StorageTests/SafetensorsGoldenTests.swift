// SPDX-License-Identifier: Apache-2.0

import Storage
import Testing

/// Against files written by the reference implementation.
@Suite struct SafetensorsGoldenTests {
    @Test func everyTypeDecodes() throws {
        let file = try SafetensorsFile(decoding: fixture("all_types.safetensors"))
        let floats = try file.floats("f32", shape: [2, 3])
        let subnormal = 2 * Float.leastNonzeroMagnitude
        #expect(floats == [1.5, 0, subnormal, .infinity, -2.25, 3.4028235e38])
        #expect(floats[1].sign == .minus)
        #expect(try file.doubles("f64", shape: [2]) == [0.1, -1e300])
        #expect(try file.int64s("i64") == [.min, .max])
        #expect(try file.int32s("i32", shape: [2, 1]) == [.min, .max])
        #expect(try file.int16s("i16") == [.min, .max, 1])
        #expect(try file.int8s("i8") == [.min, .max, 0])
        #expect(try file.uint8s("u8") == [0, 255, 128, 1, 2])
        #expect(try file.floats("scalar", shape: []) == [7.25])
        #expect(try file.floats("empty", shape: [0, 3]) == [])
        #expect(try file.int32s("layer \"1\"/Füße\\\n") == [42])
        #expect(file.metadata == ["rüñd": "a \"quoted\"\tvalue\u{1}"])
        #expect(file.tensors.count == 10)
    }

    @Test(arguments: ["all_types.safetensors", "nothing.safetensors"])
    func encodingGivesTheSameBytes(name: String) throws {
        let bytes = try fixture(name)
        #expect(try SafetensorsFile(decoding: bytes).encoded() == bytes)
    }

    @Test func orderOfAdditionDoesNotMatter() throws {
        let bytes = try fixture("all_types.safetensors")
        let original = try SafetensorsFile(decoding: bytes)
        var shuffled = SafetensorsFile(metadata: original.metadata)
        for tensor in original.tensors.reversed() {
            try original.bytes(tensor.name).withUnsafeBytes {
                try shuffled.add(tensor.name, type: tensor.type, shape: tensor.shape, bytes: $0)
            }
        }
        #expect(shuffled == original)
        #expect(shuffled.encoded() == bytes)
    }
}
