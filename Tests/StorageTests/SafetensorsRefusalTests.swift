// SPDX-License-Identifier: Apache-2.0

import Storage
import Testing

/// Each kind of malformed input, with the error it must give.
@Suite struct SafetensorsRefusalTests {
    private static func file(_ header: String, data: Int = 0) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    private static func entry(
        _ begin: Int, _ end: Int, name: String = "t", type: String = "U8", shape: String = "4"
    ) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
    }

    private static let cases: [([UInt8], SafetensorsError.Code)] = [
        ([], .tooShort(bytes: 0)),
        ([0, 0, 0], .tooShort(bytes: 3)),
        ([255, 0, 0, 0, 0, 0, 0, 0], .headerLength(255, available: 0)),
        ([UInt8](repeating: 255, count: 16), .headerLength(.max, available: 8)),
        (file(""), .malformedHeader(byte: 8, detail: "expected '{'")),
        (file(" {}"), .malformedHeader(byte: 8, detail: "expected '{'")),
        (file("{} x"), .malformedHeader(byte: 11, detail: "unexpected text at the end")),
        (file("{\"a"), .malformedHeader(byte: 11, detail: "unterminated string")),
        (file("{}", data: 3), .trailingBytes(3)),
        (file("{\(entry(0, 4))}", data: 5), .trailingBytes(1)),
        (file("{\(entry(0, 4)),}", data: 4), .malformedHeader(byte: 61, detail: "expected '\"'")),
        (file("{\(entry(0, 4)),\(entry(4, 8))}", data: 8), .duplicateKey("t")),
        (file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"), .duplicateKey("a")),
        (
            file("{\"__metadata__\":{\"a\":1}}"),
            .malformedHeader(byte: 29, detail: "expected '\"'")
        ),
        (file("{\"t\":{\"dtype\":\"U8\",\"size\":1}}"), .unknownField("size")),
        (file("{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}"), .duplicateKey("dtype")),
        (file("{\"t\":{\"dtype\":\"U8\",\"shape\":[]}}"), .missingField("data_offsets")),
        (file("{\(entry(0, 4, type: "F16", shape: "2"))}", data: 4), .unsupportedType("F16")),
        (file("{\(entry(1, 5))}", data: 5), .notContiguous(expected: 0, found: 1)),
        (
            file("{\(entry(0, 4)),\(entry(2, 6, name: "u"))}", data: 6),
            .notContiguous(expected: 4, found: 2)
        ),
        (file("{\(entry(0, 4))}", data: 3), .outOfBounds(end: 4, available: 3)),
        (file("{\(entry(0, Int.max))}", data: 3), .outOfBounds(end: .max, available: 3)),
        (file("{\(entry(0, 5))}", data: 5), .sizeMismatch(shape: [4], type: "U8", bytes: 5)),
        (
            file("{\(entry(0, 4, name: "a")),\(entry(4, 0, name: "t"))}", data: 4),
            .sizeMismatch(shape: [4], type: "U8", bytes: -4)
        ),
        (
            // 2^32 · 2^32 elements, which is 0 in 64 bits.
            file("{\(entry(0, 0, shape: "4294967296,4294967296"))}"),
            .sizeMismatch(shape: [1 << 32, 1 << 32], type: "U8", bytes: 0)
        ),
        (
            file("{\(entry(0, 0, shape: "9223372036854775808"))}"),
            .malformedHeader(byte: 54, detail: "number too large")
        ),
        (
            file("{\(entry(0, 4, shape: "-4"))}"),
            .malformedHeader(byte: 36, detail: "expected a natural number")
        ),
        (file("{\(entry(0, 4, shape: "04"))}"), .malformedHeader(byte: 38, detail: "leading zero")),
        (
            file("{\(entry(0, 4, shape: "4.0"))}"),
            .malformedHeader(byte: 37, detail: "expected ','")
        ),
        (file("{\"\\ud800\":1}"), .malformedHeader(byte: 16, detail: "lone surrogate")),
        (file("{\"\\x\":1}"), .malformedHeader(byte: 12, detail: "unknown escape")),
        (file("{\"\n\":1}"), .malformedHeader(byte: 11, detail: "control character in a string")),
    ]

    @Test(arguments: cases)
    func malformed(bytes: [UInt8], code: SafetensorsError.Code) {
        let error = #expect(throws: SafetensorsError.self) {
            try SafetensorsFile(decoding: bytes, file: "x.safetensors")
        }
        #expect(error?.code == code)
        #expect(error?.file == "x.safetensors")
    }

    @Test func invalidUTF8() {
        var bytes = Self.file("{\"__\":1}")
        bytes[10] = 0xFF
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(decoding: bytes) }
        #expect(error?.code == .malformedHeader(byte: 13, detail: "string is not valid UTF-8"))
    }

    @Test func surrogatePairsDecode() throws {
        let bytes = Self.file("{\"__metadata__\":{\"\\uD83D\\uDE42\\u00e9\":\"\\/\"}}")
        #expect(try SafetensorsFile(decoding: bytes).metadata == ["🙂é": "/"])
    }

    @Test func accessorsNameTheTensor() throws {
        var file = SafetensorsFile()
        try file.add("w", [1, 2, 3, 4] as [Float], shape: [2, 2])
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: SafetensorsError.self, performing: body)?.description
        }
        #expect(message { _ = try file.floats("v") } == "tensor 'v': there is no such tensor")
        #expect(
            message { _ = try file.int32s("w") } == "tensor 'w': elements are F32, expected I32")
        #expect(
            message { _ = try file.floats("w", shape: [4]) }
                == "tensor 'w': shape is [2, 2], expected [4]")
        #expect(
            message { try file.add("w", [1] as [Float]) } == "tensor 'w': 'w' appears twice")
        #expect(
            message { try file.add("x", [1] as [Int8], shape: [2]) }
                == "tensor 'x': shape [2] of I8 does not take 1 bytes")
        #expect(
            message { try file.add("x", [] as [Int8], shape: [-1, 0]) }
                == "tensor 'x': shape [-1, 0] of I8 does not take 0 bytes")
        #expect(
            message { try file.add("__metadata__", [1] as [Int8]) }
                == "tensor '__metadata__': the name is reserved by the format; choose another")
        #expect(file.tensors.count == 1)
        #expect(
            message { _ = try SafetensorsFile(sealed: file.encoded(), file: "a") }
                == "a: the file carries no digest of its content; it was not written here")
    }
}
