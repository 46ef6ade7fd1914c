// SPDX-License-Identifier: Apache-2.0

/// Colors of RGBA pixels multiplied by their alpha, as Pillow resizes them, with its rounding.
enum Alpha {
    /// - Parameter pixels: RGBA.
    /// - Returns: the same with colors `round(color * alpha / 255)`.
    static func multiplied(_ pixels: [UInt8]) -> [UInt8] {
        var result = pixels
        for start in stride(from: 0, to: pixels.count, by: 4) {
            for index in start..<start + 3 {
                let product = Int(pixels[index]) * Int(pixels[start + 3]) + 128
                result[index] = UInt8((product >> 8 + product) >> 8)
            }
        }
        return result
    }

    /// - Parameter pixels: what ``multiplied(_:)`` returns, resized.
    /// - Returns: RGBA with colors `min(255 * color / alpha, 255)`, cut off; as they are where
    ///   alpha is 0.
    static func divided(_ pixels: [UInt8]) -> [UInt8] {
        var result = pixels
        for start in stride(from: 0, to: pixels.count, by: 4) {
            let alpha = Int(pixels[start + 3])
            guard alpha > 0, alpha < 255 else { continue }
            for index in start..<start + 3 {
                result[index] = UInt8(min(255 * Int(pixels[index]) / alpha, 255))
            }
        }
        return result
    }
}
