// SPDX-License-Identifier: Apache-2.0

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

    /// Samples of arrays that hold several, as NumPy slices them, read from the file.
    @Test(arguments: try Fixtures.table("batches.tsv"))
    func inputsOfOneFileEqualNumPy(row: [String]) throws {
        var input = input
        input.channels = try #require(Int(row[1]))
        let entry = ImageEntry(name: row[0], path: "\(Fixtures.folder)/\(row[0])")
        let inputs = entry.inputs(for: input)
        let index = try #require(Int(row[2]))
        #expect(inputs[index].name == "\(row[0])[\(index)]")
        let image = try inputs[index].prepare(input)
        switch image.payload {
        case .pixels(let pixels):
            #expect(row[3] == "uint8")
            #expect(digest(pixels) == row[4])
        case .tensor(let values):
            #expect(row[3] == "float32")
            #expect(digest(values) == row[4])
        }
    }

    @Test func inputsAreListedInOrder() throws {
        let folder = ImageFolder(
            entries: [
                "batch-nchw-u1.npy", "batch-ten-channels-f4.npy", "hwc-f4.npy", "refused-nan.npy",
            ].map {
                ImageEntry(name: $0, path: "\(Fixtures.folder)/\($0)")
            }, leftOut: LeftOut())
        let all = folder.inputs(for: input).map(\.name)
        let batch = (0..<3).map { "batch-nchw-u1.npy[\($0)]" }
        // The second has another number of channels, which its preparation says.
        #expect(all == batch + ["batch-ten-channels-f4.npy", "hwc-f4.npy", "refused-nan.npy"])
        #expect(folder.inputs(for: input, limit: 2).map(\.name) == Array(batch.prefix(2)))
        let error = #expect(throws: ImageError.self) {
            try folder.inputs(for: input)[3].prepare(input)
        }
        #expect(error?.code == .shapeMismatch)
    }

    @Test func shapesAreReadInOneWay() throws {
        func layout(_ shape: [Int], _ extent: [Int], fortran: Bool = false) throws -> NumpyLayout {
            let preprocessing = Preprocessing(
                resizeShortSide: nil, cropHeight: extent[0], cropWidth: extent[1],
                channels: extent[2])
            let text = shape.map { "\($0), " }.joined()
            let header = try #require(
                NumpyHeader(
                    Array(
                        "{'descr': '<f4', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(text))}"
                            .utf8)))
            return try NumpyLayout(header, for: preprocessing, name: "x.npy")
        }
        // One channel: the axis of one may stand anywhere.
        for shape in [[28, 28], [28, 28, 1], [1, 28, 28], [1, 28, 28, 1], [1, 1, 28, 28]] {
            let (found, plain) = try (layout(shape, [28, 28, 1]), layout([28, 28], [28, 28, 1]))
            #expect(found == plain, "\(shape)")
        }
        #expect(try layout([9, 28, 28], [28, 28, 1]).inputs == 9)
        #expect(try layout([9, 10, 4, 5], [4, 5, 10]).inputs == 9)
        #expect(try layout([2, 4, 5, 2], [4, 5, 2]).inputs == 2)
        let wrong = [
            [], [60], [4, 5], [5, 4, 3], [2, 3, 5, 4], [1, 2, 4, 5, 3], [2, 4, 5], [3, 3, 4, 5, 1],
        ]
        for shape in wrong {
            let error = #expect(throws: ImageError.self) { try layout(shape, [4, 5, 3]) }
            #expect(error?.code == .shapeMismatch, "\(shape)")
        }
        for shape in [[3, 3, 3], [7, 3, 3, 3]] {
            let error = #expect(throws: ImageError.self) { try layout(shape, [3, 3, 3]) }
            #expect(error?.detail.contains("may be") == true, "\(shape)")
        }
    }

    @Test func imagesForOtherNumbersOfChannelsAreRefused() throws {
        for (channels, name) in [(2, "rgb-8.png"), (10, "rgb-420.jpg"), (4, "palette-4-trns.png")] {
            let preprocessing = Preprocessing(
                resizeShortSide: nil, cropHeight: 4, cropWidth: 5, channels: channels,
                inputName: "data")
            let error = #expect(throws: ImageError.self) {
                try ImageFile.prepare(
                    bytes: Fixtures.bytes(name), name: name, preprocessing: preprocessing)
            }
            #expect(error?.code == (channels == 4 ? .unsupported : .channelMismatch))
            #expect(
                channels == 4 || error?.description.contains("the model's input 'data'") == true)
        }
    }

    @Test func halvesAreExact() {
        var wrong: [UInt16] = []
        for bits in UInt16.min...UInt16.max {
            let value = ArrayElementType.float(half: bits)
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
