// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Imaging

/// Against what Pillow decodes.
@Suite struct DecodeTests {
    @Test(arguments: try Fixtures.table("decoded.tsv"))
    func equalsPillow(row: [String]) throws {
        let image = try ImageFile.decode(bytes: Fixtures.bytes(row[0]), name: row[0])
        #expect([image.width, image.height].map(String.init) == Array(row[1...2]))
        #expect(digest(image.pixels) == row[3])
        let gray = Preprocessing(
            resizeShortSide: nil, cropHeight: image.height, cropWidth: image.width, channels: 1)
        let prepared = try ImageFile.preprocess(image, gray, name: row[0])
        guard case .pixels(let luma) = prepared.payload else {
            Issue.record("not pixels")
            return
        }
        #expect(digest(luma) == row[4])
        let upright = try ImageFile.decode(
            bytes: Fixtures.bytes(row[0]), name: row[0], exifOrientation: .apply)
        #expect(digest(upright.pixels) == row[5])
    }

    @Test(arguments: try Fixtures.table("refused.tsv"))
    func refuses(row: [String]) throws {
        let input = Preprocessing(resizeShortSide: nil, cropHeight: 4, cropWidth: 5)
        let error = #expect(throws: ImageError.self) {
            try ImageFile.prepare(
                bytes: Fixtures.bytes(row[0]), name: row[0], preprocessing: input)
        }
        #expect(error?.code.rawValue == row[1])
        #expect(error?.description.hasPrefix("\(row[0]): ") == true)
    }

    @Test func turnedImagesAreRefusedOnRequest() throws {
        for value in 1...8 {
            let name = "turned-\(value).jpg"
            let bytes = try Fixtures.bytes(name)
            if value == 1 {
                _ = try ImageFile.decode(bytes: bytes, name: name, exifOrientation: .refuse)
                continue
            }
            let error = #expect(throws: ImageError.self) {
                try ImageFile.decode(bytes: bytes, name: name, exifOrientation: .refuse)
            }
            #expect(error == ImageError(.turned, name, "orientation \(value)"))
        }
    }

    @Test func everyPrefixIsAnError() throws {
        for name in ["rgb-420.jpg", "gray-progressive.jpg", "rgb-8-interlaced.png"] {
            let bytes = try Fixtures.bytes(name)
            for length in 0..<bytes.count {
                #expect(throws: ImageError.self) {
                    try ImageFile.decode(bytes: Array(bytes[..<length]), name: name)
                }
            }
        }
    }

    @Test func pixelLimitIsInclusive() throws {
        for name in ["rgb-420.jpg", "rgb-8.png"] {
            let bytes = try Fixtures.bytes(name)
            let image = try ImageFile.decode(bytes: bytes, name: name)
            let pixels = image.width * image.height
            let same = try ImageFile.decode(bytes: bytes, name: name, maximumPixels: pixels)
            #expect(same == image)
            let error = #expect(throws: ImageError.self) {
                try ImageFile.decode(bytes: bytes, name: name, maximumPixels: pixels - 1)
            }
            #expect(error?.code == .tooLarge)
        }
    }
}
