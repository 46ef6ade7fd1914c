// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Part of an image under its place in the whole.
struct PixelTile {
    let columns: Range<Int>
    let rows: Range<Int>
    let channels: Int
    /// `[rows.count][columns.count][channels]`.
    let pixels: [UInt8]

    private var stride: Int { columns.count * channels }

    private func offset(column: Int, row: Int) -> Int {
        (row - rows.lowerBound) * stride + (column - columns.lowerBound) * channels
    }

    /// Some columns of the resized image, from some rows of this one.
    /// - Parameters:
    ///   - taps: of the columns, whose inputs this tile has; nil takes the columns as they are.
    ///   - columns: of the result.
    ///   - rows: of the result, all in this tile.
    /// - Returns: the tile of `columns` and `rows`.
    func resizedAcross(_ taps: ResampleTaps?, columns: Range<Int>, rows: Range<Int>) -> PixelTile {
        guard let taps else { return cut(columns: columns, rows: rows) }
        let needed = taps.inputs
        let start = offset(column: needed.lowerBound, row: rows.lowerBound)
        return filled(columns: columns, rows: rows, from: start) { source, result in
            taps.withTaps {
                cic_resample_rows(
                    source, stride, Int32(needed.lowerBound), Int32(rows.count), Int32(channels),
                    $0, result)
            }
        }
    }

    /// Some rows of the resized image, from some columns of this one.
    /// - Parameters:
    ///   - taps: of the rows, whose inputs this tile has; nil takes the rows as they are.
    ///   - columns: of the result, all in this tile.
    ///   - rows: of the result.
    /// - Returns: the tile of `columns` and `rows`.
    func resizedDown(_ taps: ResampleTaps?, columns: Range<Int>, rows: Range<Int>) -> PixelTile {
        guard let taps else { return cut(columns: columns, rows: rows) }
        let needed = taps.inputs
        let start = offset(column: columns.lowerBound, row: needed.lowerBound)
        return filled(columns: columns, rows: rows, from: start) { source, result in
            taps.withTaps {
                cic_resample_columns(
                    source, stride, Int32(needed.lowerBound), columns.count * channels, $0, result)
            }
        }
    }

    private func cut(columns: Range<Int>, rows: Range<Int>) -> PixelTile {
        if columns == self.columns && rows == self.rows { return self }
        let length = columns.count * channels
        let start = offset(column: columns.lowerBound, row: rows.lowerBound)
        return filled(columns: columns, rows: rows, from: start) { source, result in
            for row in 0..<rows.count {
                (result + row * length).update(from: source + row * stride, count: length)
            }
        }
    }

    /// A tile whose pixels `body` writes, given where to read in this tile and where to write.
    private func filled(
        columns: Range<Int>, rows: Range<Int>, from start: Int,
        _ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) -> PixelTile {
        let size = columns.count * rows.count * channels
        let result = [UInt8](unsafeUninitializedCapacity: size) { output, count in
            count = size
            pixels.withUnsafeBufferPointer { pixels in
                guard let source = pixels.baseAddress, let output = output.baseAddress else {
                    return
                }
                body(source + start, output)
            }
        }
        return PixelTile(columns: columns, rows: rows, channels: channels, pixels: result)
    }
}
