// SPDX-License-Identifier: Apache-2.0

/// A decoded image: 8-bit RGB or RGBA, rows from the top.
package struct PixelImage: Hashable, Sendable {
    /// Columns, at least 1.
    package let width: Int
    /// Rows, at least 1.
    package let height: Int
    /// 3, or 4 with alpha.
    package let channels: Int
    /// `[height][width][channels]`, red first.
    package let pixels: [UInt8]

    /// `pixels` has exactly `channels * width * height` bytes.
    package init(width: Int, height: Int, channels: Int = 3, pixels: [UInt8]) {
        precondition(width > 0 && height > 0 && (channels == 3 || channels == 4))
        precondition(pixels.count == channels * width * height)
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// With alpha, opaque where there was none.
    var withAlpha: PixelImage {
        guard channels == 3 else { return self }
        var result = [UInt8](repeating: 255, count: 4 * width * height)
        for pixel in 0..<width * height {
            for channel in 0..<3 { result[4 * pixel + channel] = pixels[3 * pixel + channel] }
        }
        return PixelImage(width: width, height: height, channels: 4, pixels: result)
    }
}
