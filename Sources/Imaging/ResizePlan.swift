import CImageCodecs

/// A resize followed by a centre crop, computing only what the crop shows.
///
/// Horizontal pass first, then vertical, each rounded to 8 bits; a pass whose extent does not
/// change is left out. Each output depends on its own taps only, so leaving out the rest keeps
/// the bits.
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

    /// - Parameters:
    ///   - width: of the image.
    ///   - height: of the image.
    ///   - preprocessing: validated.
    ///   - name: what errors call the image.
    init(
        width: Int, height: Int, preprocessing: Preprocessing, name: String
    ) throws(ImageError) {
        self.width = width
        self.height = height
        interpolation = preprocessing.interpolation
        (resizedWidth, resizedHeight) = Self.resizedExtent(
            width: width, height: height, shortSide: preprocessing.resizeShortSide)
        let (cropWidth, cropHeight) = (preprocessing.cropWidth, preprocessing.cropHeight)
        guard cropWidth <= resizedWidth, cropHeight <= resizedHeight else {
            throw ImageError(
                .cropTooLarge, name,
                "\(resizedWidth)×\(resizedHeight) after resizing, crop \(cropWidth)×\(cropHeight)")
        }
        let left = (resizedWidth - cropWidth) / 2
        let top = (resizedHeight - cropHeight) / 2
        columns = left..<left + cropWidth
        rows = top..<top + cropHeight
    }

    /// `max(N, round(side * N / short side))` for each side, ties to even.
    static func resizedExtent(
        width: Int, height: Int, shortSide: Int?
    ) -> (width: Int, height: Int) {
        guard let shortSide else { return (width, height) }
        let factor = Double(shortSide) / Double(min(width, height))
        func scaled(_ side: Int) -> Int {
            max(shortSide, Int((Double(side) * factor).rounded(.toNearestOrEven)))
        }
        return (scaled(width), scaled(height))
    }

    /// - Parameter pixels: `[height][width][channels]`.
    /// - Returns: `[rows.count][columns.count][channels]`.
    func run(_ pixels: [UInt8], channels: Int) -> [UInt8] {
        precondition(pixels.count == width * height * channels)
        guard resizedHeight != height else {
            return horizontal(pixels, rows: rows, channels: channels)
        }
        let taps = ResampleTaps(
            input: height, output: resizedHeight, window: rows, interpolation: interpolation)
        let needed = taps.inputs
        let narrowed = horizontal(pixels, rows: needed, channels: channels)
        let rowBytes = columns.count * channels
        return [UInt8](unsafeUninitializedCapacity: rows.count * rowBytes) { output, count in
            count = rows.count * rowBytes
            taps.withTaps {
                cic_resample_columns(
                    narrowed, rowBytes, Int32(needed.lowerBound), $0, output.baseAddress)
            }
        }
    }

    /// The wanted columns of some rows of the input.
    private func horizontal(_ pixels: [UInt8], rows: Range<Int>, channels: Int) -> [UInt8] {
        let rowBytes = width * channels
        if resizedWidth == width {
            var result: [UInt8] = []
            result.reserveCapacity(rows.count * columns.count * channels)
            for row in rows {
                let start = row * rowBytes + columns.lowerBound * channels
                result.append(contentsOf: pixels[start..<start + columns.count * channels])
            }
            return result
        }
        let taps = ResampleTaps(
            input: width, output: resizedWidth, window: columns, interpolation: interpolation)
        let size = rows.count * columns.count * channels
        return [UInt8](unsafeUninitializedCapacity: size) { output, count in
            count = size
            pixels.withUnsafeBufferPointer { pixels in
                guard let first = pixels.baseAddress else { return }
                taps.withTaps {
                    cic_resample_rows(
                        first + rows.lowerBound * rowBytes, Int32(width), Int32(rows.count),
                        Int32(channels), $0, output.baseAddress)
                }
            }
        }
    }
}
