import Testing

@testable import Imaging

@Suite struct NumpyTests {
    private let input = Preprocessing(resizeShortSide: nil, cropHeight: 4, cropWidth: 5)

    @Test(arguments: try Fixtures.table("arrays.tsv"))
    func equalsNumPy(row: [String]) throws {
        let image = try ImageFile.prepare(
            bytes: Fixtures.bytes(row[0]), name: row[0], preprocessing: input)
        switch image.payload {
        case .pixels(let pixels):
            #expect(row[1] == "uint8")
            #expect(digest(pixels) == row[2])
        case .tensor(let values):
            #expect(row[1] == "float32")
            #expect(digest(values) == row[2])
            #expect(normalize(image, input) == values)
        }
    }

    @Test func halvesAreExact() {
        var wrong: [UInt16] = []
        for bits in UInt16.min...UInt16.max {
            let value = ArrayElements.float(half: bits)
            guard value.isFinite else {
                if bits & 0x7C00 != 0x7C00 { wrong.append(bits) }
                continue
            }
            // Back by arithmetic: multiples of 2^-24 in steps that double at each power of two.
            var magnitude = abs(value) * 0x1p24
            var exponent = 0
            while magnitude >= 2048 {
                magnitude /= 2
                exponent += 1
            }
            let raw = Int(magnitude)
            let expected = raw < 1024 ? raw : ((exponent + 1) << 10) + raw - 1024
            let isRight = Float(raw) == magnitude && expected == Int(bits & 0x7FFF)
            if !isRight || (value.sign == .minus) != (bits >> 15 == 1) { wrong.append(bits) }
        }
        #expect(wrong.isEmpty)
    }

    @Test func notFiniteNamesTheElement() throws {
        let name = "refused-nan.npy"
        let error = #expect(throws: ImageError.self) {
            try ImageFile.prepare(
                bytes: Fixtures.bytes(name), name: name, preprocessing: input)
        }
        #expect(error == ImageError(.notFinite, name, "element 37 is nan"))
    }

    @Test func headersAreParsed() {
        func parse(_ text: String) -> NumpyHeader? { NumpyHeader(Array(text.utf8)) }
        let full = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n")
        #expect(full?.descriptor == "<f4" && full?.shape == [3, 4])
        #expect(full == parse("{\"shape\":(3,4,),\"fortran_order\":False,\"descr\":\"<f4\"}"))
        #expect(parse("{'descr': '<f4', 'fortran_order': True, 'shape': ()}")?.shape == [])
        let wrong = [
            "", "{", "{}", "{'descr': '<f4'}", "{'shape': (3,)", "(1, 2)",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
        ]
        for text in wrong { #expect(parse(text) == nil, "\(text)") }
    }

    @Test func ambiguousLayoutsAreRefused() throws {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 3, 3), }"
        var bytes = NumpyFile.magic + [1, 0, UInt8(header.utf8.count), 0]
        bytes += Array(header.utf8) + [UInt8](repeating: 1, count: 27)
        let cube = Preprocessing(resizeShortSide: nil, cropHeight: 3, cropWidth: 3)
        let error = #expect(throws: ImageError.self) {
            try ImageFile.prepare(bytes: bytes, name: "x.npy", preprocessing: cube)
        }
        #expect(error?.code == .shapeMismatch)
    }
}
