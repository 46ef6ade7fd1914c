// SPDX-License-Identifier: Apache-2.0

/// Resampling filter, antialiased when shrinking; Pillow's `BILINEAR` and `BICUBIC` (a = -0.5).
package enum Interpolation: String, Hashable, Sendable, Codable, CaseIterable {
    case bilinear, bicubic
}

/// Order of the three channels as the network takes them.
package enum ChannelOrder: String, Hashable, Sendable, Codable, CaseIterable {
    case rgb, bgr
}

/// What to do with a photograph whose EXIF tag says it is stored turned or mirrored.
package enum ExifOrientation: String, Hashable, Sendable, Codable, CaseIterable {
    /// Take the pixels as stored. The default: `Image.open` and the usual training pipelines of
    /// torchvision and TensorFlow do the same, so it gives the pixels the network was trained on.
    case ignore
    /// Turn it upright, as Pillow's `ImageOps.exif_transpose` does.
    case apply
    /// An error that names the file.
    case refuse
}

/// From a decoded image to a network's input: geometry, channels and normalization, fully resolved.
///
/// In this order, for images: grayscale if `channels` is 1; resize so that the short side is
/// `resizeShortSide`; centre crop; channel order; `Float((pixel - mean) / std)`.
package struct Preprocessing: Hashable, Sendable, Codable {
    /// Short side after resizing, at least 1; nil leaves the size alone (crop only).
    package var resizeShortSide: Int?
    /// Rows of the network's input, at least 1.
    package var cropHeight: Int
    /// Columns of the network's input, at least 1.
    package var cropWidth: Int
    /// At least 1. Images give 3, or 1 for grayscale networks (ITU-R 601 luma as Pillow's
    /// `convert("L")`), or 4 with alpha; networks with others take arrays.
    package var channels: Int
    /// How extents and the crop's offset are rounded.
    package var geometry: ResizeGeometry
    /// Filter of the resizing; without effect where nothing is resized.
    package var interpolation: Interpolation
    /// Without effect on a single channel.
    package var channelOrder: ChannelOrder
    /// One value or one per channel in the network's order, in units of a pixel (0...255).
    package var mean: [Float]
    /// As `mean`; positive.
    package var std: [Float]
    /// Without effect on arrays.
    package var exifOrientation: ExifOrientation
    /// Name of the network's input, for errors.
    package var inputName: String

    /// Memberwise; ``validate()`` checks the ranges.
    package init(
        resizeShortSide: Int?, cropHeight: Int, cropWidth: Int, channels: Int = 3,
        geometry: ResizeGeometry = .torchvision, interpolation: Interpolation = .bilinear,
        channelOrder: ChannelOrder = .rgb,
        mean: [Float] = [0], std: [Float] = [1], exifOrientation: ExifOrientation = .ignore,
        inputName: String = ""
    ) {
        self.resizeShortSide = resizeShortSide
        self.cropHeight = cropHeight
        self.cropWidth = cropWidth
        self.channels = channels
        self.geometry = geometry
        self.interpolation = interpolation
        self.channelOrder = channelOrder
        self.mean = mean
        self.std = std
        self.exifOrientation = exifOrientation
        self.inputName = inputName
    }

    /// Longest side of a resize or crop; keeps all byte counts far from overflow.
    package static let maximumSide = 16_384

    /// - Throws: `.invalidPreprocessing`, naming the key.
    package func validate() throws(ImageError) {
        try Self.check((1...Self.maximumSide).contains(cropHeight), "crop", cropHeight)
        try Self.check((1...Self.maximumSide).contains(cropWidth), "crop", cropWidth)
        if let side = resizeShortSide {
            try Self.check((1...Self.maximumSide).contains(side), "resize_short_side", side)
        }
        try Self.check((1...Self.maximumSide).contains(channels), "channels", channels)
        for (field, values) in [("mean", mean), ("std", std)] {
            try Self.check(values.count == 1 || values.count == channels, field, values)
            try Self.check(values.allSatisfy(\.isFinite), field, values)
        }
        try Self.check(std.allSatisfy { $0.isNormal && $0 > 0 }, "std", std)
        let extremes = lookupTables().allSatisfy { $0[0].isFinite && $0[255].isFinite }
        try Self.check(extremes, "std", std)
    }

    /// For the end of a message; empty without a name.
    var inputClause: String {
        inputName.isEmpty ? "" : " (the model's input '\(inputName)')"
    }

    private static func check(
        _ holds: Bool, _ field: String, _ value: some Sendable
    ) throws(ImageError) {
        guard !holds else { return }
        throw ImageError(
            .invalidPreprocessing, "preprocessing.\(field)", "\(value) is out of range")
    }

    /// Normalized value of every pixel value, one table of 256 per channel in the network's order.
    ///
    /// `Float((Double(pixel) - mean) / std)`, rounded once, to nearest, ties to even.
    package func lookupTables() -> [[Float]] {
        (0..<channels).map { channel in
            let mean = Double(mean[mean.count > 1 ? channel : 0])
            let std = Double(std[std.count > 1 ? channel : 0])
            return (0..<256).map { Float((Double($0) - mean) / std) }
        }
    }
}
