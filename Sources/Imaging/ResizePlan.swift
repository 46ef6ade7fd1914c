// SPDX-License-Identifier: Apache-2.0

/// A resize followed by a centre crop, computing only what the crop shows.
///
/// Two passes, each rounded to 8 bits; a pass whose extent does not change is left out. Each output
/// depends on its own taps only, so leaving out the rest keeps the bits.
struct ResizePlan {
    let width: Int
    let height: Int
    /// Extent after the resize.
    let resizedWidth: Int
    let resizedHeight: Int
    /// Columns and rows of the resized image that stay.
    let columns: Range<Int>
    let rows: Range<Int>
    let interpolation: Interpolation

    /// Pillow's choice since version 13; before, the horizontal pass always came first. It decides
    /// over rounding only, and where the aspect ratio is kept only for images that shrink and are
    /// more than about twice as high as wide.
    var isVerticalFirst: Bool {
        let shrinkage = height - resizedHeight
        return shrinkage > 0 && shrinkage > 2 * (width - resizedWidth)
    }

    /// Whether there is anything to resize, or only to crop.
    var isResizing: Bool { resizedWidth != width || resizedHeight != height }

    /// From `[height][width][channels]` to `[rows.count][columns.count][channels]`.
    func run(_ pixels: [UInt8], channels: Int) -> [UInt8] {
        precondition(pixels.count == width * height * channels)
        let across =
            resizedWidth == width
            ? nil
            : ResampleTaps(
                input: width, output: resizedWidth, window: columns, interpolation: interpolation)
        let down =
            resizedHeight == height
            ? nil
            : ResampleTaps(
                input: height, output: resizedHeight, window: rows, interpolation: interpolation)
        let source = PixelTile(
            columns: 0..<width, rows: 0..<height, channels: channels, pixels: pixels)
        if isVerticalFirst {
            let needed = across?.inputs ?? columns
            return source.resizedDown(down, columns: needed, rows: rows)
                .resizedAcross(across, columns: columns, rows: rows).pixels
        }
        let needed = down?.inputs ?? rows
        return source.resizedAcross(across, columns: columns, rows: needed)
            .resizedDown(down, columns: columns, rows: rows).pixels
    }
}

extension ResizePlan {
    /// - Parameters:
    ///   - width: of the image.
    ///   - height: of the image.
    ///   - preprocessing: validated.
    ///   - name: what errors call the image.
    /// - Throws: `.cropTooLarge`.
    init(
        width: Int, height: Int, preprocessing: Preprocessing, name: String
    ) throws(ImageError) {
        self.width = width
        self.height = height
        interpolation = preprocessing.interpolation
        let geometry = preprocessing.geometry
        (resizedWidth, resizedHeight) = geometry.resizedExtent(
            width: width, height: height, shortSide: preprocessing.resizeShortSide)
        let (cropWidth, cropHeight) = (preprocessing.cropWidth, preprocessing.cropHeight)
        guard cropWidth <= resizedWidth, cropHeight <= resizedHeight else {
            throw ImageError(
                .cropTooLarge, name,
                "\(resizedWidth)×\(resizedHeight) after resizing, crop \(cropWidth)×\(cropHeight)")
        }
        let left = geometry.cropOffset(extent: resizedWidth, crop: cropWidth)
        let top = geometry.cropOffset(extent: resizedHeight, crop: cropHeight)
        columns = left..<left + cropWidth
        rows = top..<top + cropHeight
    }
}
