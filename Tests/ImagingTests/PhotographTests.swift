// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Imaging

/// Real photographs, against digests of what Pillow and torchvision make of them.
@Suite struct PhotographTests {
    @Test(
        .enabled(
            if: Fixtures.photographs != nil,
            "SKIPPED: ../shared/images is absent; digests of real photographs are not compared"))
    func equalPillow() throws {
        let folder = try #require(Fixtures.photographs)
        for row in try Fixtures.table("photographs.tsv") {
            let bytes = try DiskAccess.read("\(folder)/\(row[0])")
            let image = try ImageFile.decode(bytes: bytes, name: row[0])
            #expect(digest(image.pixels) == row[2], "\(row[0])")
            let preprocessing = Preprocessing(
                resizeShortSide: 256, cropHeight: 224, cropWidth: 224,
                interpolation: try #require(Interpolation(rawValue: row[1])))
            let prepared = try ImageFile.preprocess(image, preprocessing, name: row[0])
            guard case .pixels(let pixels) = prepared.payload else {
                Issue.record("not pixels")
                continue
            }
            #expect(digest(pixels) == row[3], "\(row[0]) \(row[1])")
        }
    }
}
