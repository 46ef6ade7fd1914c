// SPDX-License-Identifier: Apache-2.0

extension ExifOrientation {
    /// Applies the policy to an image decoded from `bytes`.
    /// - Throws: `.turned` if the policy is `.refuse` and the tag asks for a turn.
    func orient(
        _ image: PixelImage, format: Format, bytes: [UInt8], name: String
    ) throws(ImageError) -> PixelImage {
        guard self != .ignore, let tag = ExifReader.orientation(of: bytes, format: format),
            tag != .upright
        else { return image }
        guard self == .apply else {
            throw ImageError(.turned, name, "orientation \(tag.rawValue)")
        }
        return image.turned(by: tag)
    }
}

/// The EXIF Orientation tag: where the stored first row and first column belong.
enum OrientationTag: Int {
    case upright = 1
    case mirrored = 2
    case turnedHalf = 3
    case flipped = 4
    case transposed = 5
    case turnedLeft = 6
    case transversed = 7
    case turnedRight = 8
}

extension PixelImage {
    /// The image upright, given how it is stored.
    func turned(by tag: OrientationTag) -> PixelImage {
        let swaps = tag.rawValue >= 5
        let (newWidth, newHeight) = swaps ? (height, width) : (width, height)
        let (right, bottom) = (width - 1, height - 1)
        var result = [UInt8](repeating: 0, count: pixels.count)
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let (sourceX, sourceY) =
                    switch tag {
                    case .upright: (x, y)
                    case .mirrored: (right - x, y)
                    case .turnedHalf: (right - x, bottom - y)
                    case .flipped: (x, bottom - y)
                    case .transposed: (y, x)
                    case .turnedLeft: (y, bottom - x)
                    case .transversed: (right - y, bottom - x)
                    case .turnedRight: (right - y, x)
                    }
                let from = channels * (sourceY * width + sourceX)
                let to = channels * (y * newWidth + x)
                for channel in 0..<channels { result[to + channel] = pixels[from + channel] }
            }
        }
        return PixelImage(
            width: newWidth, height: newHeight, channels: channels, pixels: result)
    }
}
