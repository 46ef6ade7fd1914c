/// A decoded image: 8-bit RGB, rows from the top, three bytes a pixel.
package struct PixelImage: Hashable, Sendable {
    /// Columns, at least 1.
    package let width: Int
    /// Rows, at least 1.
    package let height: Int
    /// `[height][width][3]`, red first.
    package let pixels: [UInt8]

    /// `pixels` has exactly `3 * width * height` bytes.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0 && pixels.count == 3 * width * height)
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}
