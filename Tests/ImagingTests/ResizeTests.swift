// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Imaging

@Suite struct ResizeTests {
    /// Against Pillow's `Image.resize`.
    @Test(arguments: try Fixtures.table("resized.tsv"))
    func equalsPillow(row: [String]) throws {
        let numbers = row.compactMap(Int.init)
        let (width, height, channels) = (numbers[1], numbers[2], numbers[3])
        var noise = Noise(state: UInt64(numbers[0]))
        let pixels = noise.bytes(width * height * channels)
        let plan = ResizePlan(
            width: width, height: height, resizedWidth: numbers[4], resizedHeight: numbers[5],
            columns: 0..<numbers[4], rows: 0..<numbers[5],
            interpolation: try #require(Interpolation(rawValue: row[6])))
        #expect(digest(plan.run(pixels, channels: channels)) == row[7])
    }

    /// The whole path from file to floats, against torchvision, Pillow and NumPy.
    @Test(arguments: try Fixtures.table("prepared.tsv"))
    func preparedEqualsPillow(row: [String]) throws {
        let numbers = row[1...3].compactMap { Int($0) }
        let channels = try #require(Int(row[6]))
        let (mean, std): ([Float], [Float]) = (
            [123.675, 116.28, 103.53, 127.5], [58.395, 57.12, 57.375, 64]
        )
        let preprocessing = Preprocessing(
            resizeShortSide: numbers[0] == 0 ? nil : numbers[0], cropHeight: numbers[1],
            cropWidth: numbers[2], channels: channels,
            geometry: try #require(ResizeGeometry(rawValue: row[4])),
            interpolation: try #require(Interpolation(rawValue: row[5])),
            channelOrder: try #require(ChannelOrder(rawValue: row[7])),
            mean: Array(mean.prefix(channels)), std: Array(std.prefix(channels)))
        let image = try ImageFile.prepare(
            bytes: Fixtures.bytes(row[0]), name: row[0], preprocessing: preprocessing)
        guard case .pixels(let pixels) = image.payload else {
            Issue.record("not pixels")
            return
        }
        #expect(digest(pixels) == row[8])
        #expect(digest(normalize(image, preprocessing)) == row[9])
    }

    /// Computing only the crop changes no bit of it.
    @Test(arguments: TestSeed.values(200))
    func cropOfTheResizeIsTheResizeOfTheCrop(seed: UInt64) {
        var noise = Noise(state: seed)
        func extent(_ bound: Int) -> Int { 1 + noise.number(below: bound) }
        let (width, height, channels) = (extent(60), extent(60), extent(2) == 1 ? 1 : 3)
        // One in four axes keeps its extent, so its pass is left out.
        let newWidth = extent(4) == 1 ? width : extent(80)
        let newHeight = extent(4) == 1 ? height : extent(80)
        let interpolation = Interpolation.allCases[noise.number(below: 2)]
        let left = noise.number(below: newWidth)
        let top = noise.number(below: newHeight)
        let columns = left..<left + 1 + noise.number(below: newWidth - left)
        let rows = top..<top + 1 + noise.number(below: newHeight - top)
        let pixels = noise.bytes(width * height * channels)
        func plan(_ columns: Range<Int>, _ rows: Range<Int>) -> ResizePlan {
            ResizePlan(
                width: width, height: height, resizedWidth: newWidth, resizedHeight: newHeight,
                columns: columns, rows: rows, interpolation: interpolation)
        }
        let full = plan(0..<newWidth, 0..<newHeight).run(pixels, channels: channels)
        let cropped = rows.flatMap { row in
            let start = (row * newWidth + columns.lowerBound) * channels
            return full[start..<start + columns.count * channels]
        }
        #expect(plan(columns, rows).run(pixels, channels: channels) == cropped)
        let twin = scalarResize(
            pixels, width, height, channels, newWidth, newHeight, interpolation)
        #expect(full == twin)
    }

    /// Extents and offsets of torchvision's `Resize` and `CenterCrop`.
    @Test func geometryEqualsTorchvision() throws {
        let rows = try Fixtures.table("geometry.tsv").map { $0.compactMap(Int.init) }
        #expect(rows.count > 300)
        for row in rows {
            let preprocessing = Preprocessing(
                resizeShortSide: row[2], cropHeight: row[5], cropWidth: row[6])
            let plan = try ResizePlan(
                width: row[0], height: row[1], preprocessing: preprocessing, name: "x")
            #expect([plan.resizedWidth, plan.resizedHeight] == Array(row[3...4]), "\(row)")
            #expect([plan.columns.lowerBound, plan.rows.lowerBound] == Array(row[7...8]), "\(row)")
        }
    }

    @Test func roundedExtentsGoToTheNearest() {
        let geometry = ResizeGeometry.rounded
        // Ties to even: 5 * 0.5 = 2.5 and 7 * 0.5 = 3.5.
        #expect(geometry.resizedExtent(width: 5, height: 2, shortSide: 1) == (2, 1))
        #expect(geometry.resizedExtent(width: 2, height: 7, shortSide: 1) == (1, 4))
        #expect(geometry.resizedExtent(width: 500, height: 375, shortSide: 256) == (341, 256))
        #expect(geometry.resizedExtent(width: 500, height: 333, shortSide: 256) == (384, 256))
        #expect(geometry.resizedExtent(width: 9, height: 4, shortSide: nil) == (9, 4))
        #expect(geometry.cropOffset(extent: 9, crop: 6) == 1)
        #expect(geometry.cropOffset(extent: 7, crop: 4) == 1)
    }

    @Test func aCropLargerThanTheImageIsRefused() throws {
        let image = PixelImage(width: 4, height: 3, pixels: [UInt8](repeating: 0, count: 36))
        let preprocessing = Preprocessing(resizeShortSide: nil, cropHeight: 3, cropWidth: 5)
        let error = #expect(throws: ImageError.self) {
            try ImageFile.preprocess(image, preprocessing, name: "x.png")
        }
        #expect(error?.code == .cropTooLarge)
    }

    @Test func longThinImagesNeedNoMoreThanTheirCrop() throws {
        let width = 1_000_000
        let image = PixelImage(
            width: width, height: 1, pixels: [UInt8](repeating: 200, count: 3 * width))
        let preprocessing = Preprocessing(resizeShortSide: 8192, cropHeight: 4, cropWidth: 4)
        let prepared = try ImageFile.preprocess(image, preprocessing, name: "x.png")
        #expect(prepared.payload == .pixels([UInt8](repeating: 200, count: 48)))
    }
}

/// Both passes pixel by pixel, in 64-bit integers.
private func scalarResize(
    _ pixels: [UInt8], _ width: Int, _ height: Int, _ channels: Int, _ newWidth: Int,
    _ newHeight: Int, _ interpolation: Interpolation
) -> [UInt8] {
    func pass(
        _ source: [UInt8], _ length: Int, _ newLength: Int, _ others: Int, isRow: Bool
    ) -> [UInt8] {
        guard length != newLength else { return source }
        let taps = ResampleTaps(
            input: length, output: newLength, window: 0..<newLength, interpolation: interpolation)
        var result = [UInt8](repeating: 0, count: newLength * others * channels)
        for (i, other) in (0..<newLength).flatMap({ i in (0..<others).map { (i, $0) } }) {
            for channel in 0..<channels {
                var sum = 1 << 21
                for tap in 0..<Int(taps.counts[i]) {
                    let at = Int(taps.firsts[i]) + tap
                    let pixel = isRow ? other * length + at : at * others + other
                    let weight = Int(taps.weights[i * taps.stride + tap])
                    sum += Int(source[pixel * channels + channel]) * weight
                }
                let pixel = isRow ? other * newLength + i : i * others + other
                result[pixel * channels + channel] = UInt8(max(0, min(255, sum >> 22)))
            }
        }
        return result
    }
    if height > newHeight && height - newHeight > 2 * (width - newWidth) {
        let low = pass(pixels, height, newHeight, width, isRow: false)
        return pass(low, width, newWidth, newHeight, isRow: true)
    }
    let wide = pass(pixels, width, newWidth, height, isRow: true)
    return pass(wide, height, newHeight, newWidth, isRow: false)
}
