// SPDX-License-Identifier: Apache-2.0

import Imaging
import Testing

@Suite struct PreprocessingTests {
    private let plain = Preprocessing(resizeShortSide: 256, cropHeight: 224, cropWidth: 224)

    @Test func valuesAreRoundedOnce() {
        var preprocessing = plain
        preprocessing.mean = [127.5, 0, 103.53]
        preprocessing.std = [127.5, 255, 57.375]
        let tables = preprocessing.lookupTables()
        #expect(tables.count == 3)
        #expect(tables[0][0] == -1 && tables[0][255] == 1)
        // 1/255 to nearest; a Float reciprocal first would be one bit off for some pixels.
        #expect((0..<256).allSatisfy { tables[1][$0] == Float(Double($0) / 255) })
        let mean = Double(Float(103.53))
        #expect(tables[2][7] == Float((7 - mean) / 57.375))
    }

    @Test func oneMeanServesAllChannels() {
        var preprocessing = plain
        preprocessing.mean = [3]
        preprocessing.std = [1, 2, 4]
        #expect(preprocessing.lookupTables().map { $0[7] } == [4, 2, 1])
    }

    @Test func lookUpFollowsTheNetworksChannelOrder() throws {
        let image = PixelImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
        var preprocessing = Preprocessing(resizeShortSide: nil, cropHeight: 1, cropWidth: 2)
        preprocessing.mean = [10, 20, 30]
        preprocessing.channelOrder = .bgr
        let prepared = try ImageFile.preprocess(image, preprocessing, name: "x")
        #expect(prepared.payload == .pixels([3, 2, 1, 6, 5, 4]))
        #expect(normalize(prepared, preprocessing) == [-7, -18, -29, -4, -15, -26])
    }

    @Test func fieldsOutOfRangeAreNamed() throws {
        try plain.validate()
        let wrong: [(String, (inout Preprocessing) -> Void)] = [
            ("crop", { $0.cropHeight = 0 }), ("crop", { $0.cropWidth = 1 << 40 }),
            ("resize_short_side", { $0.resizeShortSide = -1 }), ("channels", { $0.channels = 0 }),
            ("mean", { $0.mean = [] }), ("mean", { $0.mean = [1, 2] }),
            ("mean", { $0.mean = [.nan] }), ("std", { $0.std = [0] }), ("std", { $0.std = [-1] }),
            ("std", { $0.std = [.infinity] }), ("std", { $0.std = [.leastNormalMagnitude] }),
        ]
        for (field, spoil) in wrong {
            var preprocessing = plain
            spoil(&preprocessing)
            let error = #expect(throws: ImageError.self) { try preprocessing.validate() }
            #expect(
                error?.code == .invalidPreprocessing && error?.subject == "preprocessing.\(field)")
        }
    }
}
