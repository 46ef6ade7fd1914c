import CImageCodecs

/// Turns prepared images into network inputs through the lookup tables of one preprocessing.
package struct Normalizer: Sendable {
    /// 256 values for each of `channels`.
    private let tables: [Float]
    private let channels: Int

    /// - Parameter preprocessing: validated.
    package init(_ preprocessing: Preprocessing) {
        channels = preprocessing.channels
        tables = preprocessing.lookupTables().flatMap { $0 }
    }

    /// Writes `[height][width][channels]` floats.
    /// - Parameters:
    ///   - image: has the channel count of the preprocessing.
    ///   - output: room for `image.count` floats.
    package func normalize(_ image: PreparedImage, into output: UnsafeMutablePointer<Float>) {
        switch image.payload {
        case .pixels(let pixels):
            precondition(image.channels == channels)
            pixels.withUnsafeBufferPointer { pixels in
                cic_look_up(
                    pixels.baseAddress, image.height * image.width, Int32(channels), tables, output)
            }
        case .tensor(let values):
            values.withUnsafeBufferPointer { values in
                guard let first = values.baseAddress else { return }
                output.update(from: first, count: values.count)
            }
        }
    }

    /// `[height][width][channels]`.
    package func normalize(_ image: PreparedImage) -> [Float] {
        [Float](unsafeUninitializedCapacity: image.count) { buffer, count in
            if let first = buffer.baseAddress { normalize(image, into: first) }
            count = image.count
        }
    }
}

/// `[height][width][channels]`; for many images keep a `Normalizer`.
package func normalize(_ image: PreparedImage, _ preprocessing: Preprocessing) -> [Float] {
    Normalizer(preprocessing).normalize(image)
}
