// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Image files as Pillow reads them: `Image.open(file).convert("RGB")`.
///
/// Read: JPEG (baseline and progressive; grayscale, YCbCr, RGB, and CMYK or YCCK inverted as Adobe
/// stores them) and PNG (1 to 8 bits, palette, interlaced; alpha and tRNS dropped; 16-bit color and
/// gray+alpha by their high byte). Refused: 16-bit grayscale PNG, which Pillow would clip to white.
/// For networks with four channels `convert("RGBA")`: alpha is kept, and 255 where a file has none;
/// transparent colors (tRNS) are refused. Color profiles and gamma are ignored. The content
/// decides, not the name's ending.
///
/// A truncated or damaged file is an error, also where libjpeg would go on with gray pixels.
package enum ImageFile {
    /// Twice Pillow's `MAX_IMAGE_PIXELS`, where Pillow too raises an error.
    package static let pixelLimit = 178_956_970

    /// Decodes a JPEG or PNG file.
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: what errors call it.
    ///   - exifOrientation: what to do with a stored turn.
    ///   - keepsAlpha: gives RGBA, opaque where the file has no alpha; a PNG file in which a color
    ///     or palette entries are transparent is refused then.
    ///   - maximumPixels: larger images are refused before pixels are allocated.
    /// - Returns: the image in RGB or RGBA.
    /// - Throws: `.unknownFormat`, `.corrupt`, `.unsupported`, `.tooLarge`, `.outOfMemory`,
    ///   `.turned`.
    package static func decode(
        bytes: [UInt8], name: String, exifOrientation: ExifOrientation = .ignore,
        keepsAlpha: Bool = false, maximumPixels: Int = pixelLimit
    ) throws(ImageError) -> PixelImage {
        guard let format = Format(bytes) else {
            throw ImageError(.unknownFormat, name, Format.otherName(of: bytes) ?? "")
        }
        guard let decoder = format.decoder else {
            throw ImageError(.unknownFormat, name, "a NumPy array, where an image is needed")
        }
        let limit = UInt64(max(maximumPixels, 0))
        var report = cic_report()
        let headerStatus = decoder(bytes, bytes.count, limit, nil, 0, &report)
        try check(headerStatus, report, name)
        if keepsAlpha && report.has_color_key != 0 {
            throw ImageError(.unsupported, name, "transparent colors instead of alpha")
        }
        let (width, height) = (Int(report.width), Int(report.height))
        let hasAlpha = keepsAlpha && report.has_alpha != 0
        let size = (hasAlpha ? 4 : 3) * width * height
        var status: Int32 = 0
        let pixels = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = size
            let decoder = hasAlpha ? cic_decode_png_alpha : decoder
            status = decoder(bytes, bytes.count, limit, buffer.baseAddress, count, &report)
        }
        try check(status, report, name)
        var image = PixelImage(
            width: width, height: height, channels: hasAlpha ? 4 : 3, pixels: pixels)
        if keepsAlpha { image = image.withAlpha }
        return try exifOrientation.orient(image, format: format, bytes: bytes, name: name)
    }

    /// Resizes, crops and orders channels; see `Preprocessing`.
    ///
    /// The resize has the bits of Pillow's `Image.resize`; only what the crop shows is computed.
    /// - Throws: `.cropTooLarge`, `.channelMismatch`, `.invalidPreprocessing`.
    package static func preprocess(
        _ image: PixelImage, _ preprocessing: Preprocessing, name: String
    ) throws(ImageError) -> PreparedImage {
        try preprocessing.validate()
        // Grayscale is made of three channels.
        guard image.channels == (preprocessing.channels == 1 ? 3 : preprocessing.channels) else {
            throw ImageError(
                .channelMismatch, name,
                "an image gives 1, 3 or 4, needed \(preprocessing.channels)"
                    + preprocessing.inputClause)
        }
        let plan = try ResizePlan(
            width: image.width, height: image.height, preprocessing: preprocessing, name: name)
        var pixels =
            switch preprocessing.channels {
            case 1: plan.run(luma(image), channels: 1)
            case 4 where plan.isResizing:
                Alpha.divided(plan.run(Alpha.multiplied(image.pixels), channels: 4))
            default: plan.run(image.pixels, channels: image.channels)
            }
        if preprocessing.channels >= 3 && preprocessing.channelOrder == .bgr {
            let count = pixels.count / image.channels
            pixels.withUnsafeMutableBufferPointer {
                cic_swap_red_blue($0.baseAddress, count, image.channels)
            }
        }
        return PreparedImage(
            height: preprocessing.cropHeight, width: preprocessing.cropWidth,
            channels: preprocessing.channels, payload: .pixels(pixels))
    }

    /// From the bytes of a JPEG, PNG or `.npy` file to what a worker takes.
    ///
    /// A `.npy` file must hold the network's input already, and no more than one: `uint8` arrays
    /// are pixels in the network's channel order and get normalized, all others are used as they
    /// are.
    package static func prepare(
        bytes: [UInt8], name: String, preprocessing: Preprocessing,
        maximumPixels: Int = pixelLimit
    ) throws(ImageError) -> PreparedImage {
        try preprocessing.validate()
        if Format(bytes) == .numpy {
            return try NumpyFile(head: bytes, size: bytes.count, name: name)
                .prepared(for: preprocessing) { Array(bytes[$0]) }
        }
        let image = try decode(
            bytes: bytes, name: name, exifOrientation: preprocessing.exifOrientation,
            keepsAlpha: preprocessing.channels == 4, maximumPixels: maximumPixels)
        return try preprocess(image, preprocessing, name: name)
    }

    private static func luma(_ image: PixelImage) -> [UInt8] {
        let size = image.width * image.height
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            cic_luma(image.pixels, size, buffer.baseAddress)
            count = size
        }
    }

    private static func check(
        _ status: Int32, _ report: cic_report, _ name: String
    ) throws(ImageError) {
        guard status != CIC_OK.rawValue else { return }
        let code: ImageError.Code =
            switch UInt32(status) {
            case CIC_UNSUPPORTED.rawValue: .unsupported
            case CIC_TOO_LARGE.rawValue: .tooLarge
            case CIC_NO_MEMORY.rawValue: .outOfMemory
            default: .corrupt
            }
        var message = withUnsafeBytes(of: report.message) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if code == .tooLarge { message = "\(report.width)×\(report.height) pixels" }
        throw ImageError(code, name, message)
    }
}

/// File formats by their first bytes.
enum Format {
    case jpeg, png, numpy

    init?(_ bytes: [UInt8]) {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: NumpyFile.magic) {
            self = .numpy
        } else {
            return nil
        }
    }

    /// What a file is whose format is not read, where its first bytes tell.
    static func otherName(of bytes: [UInt8]) -> String? {
        let head = String(decoding: bytes.prefix(64), as: UTF8.self)
        let text = head.trimmingPrefix { $0.isWhitespace }
        if head.hasPrefix("RIFF"), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
            return "it is WebP"
        }
        if head.hasPrefix("GIF8") { return "it is GIF" }
        if bytes.starts(with: [0x49, 0x49, 42, 0]) || bytes.starts(with: [0x4D, 0x4D, 0, 42]) {
            return "it is TIFF"
        }
        if bytes.dropFirst(4).starts(with: "ftyp".utf8) { return "it is HEIF or AVIF" }
        if head.hasPrefix("BM"), bytes.count > 26 { return "it is BMP" }
        if head.hasPrefix("PK\u{3}\u{4}") { return "it is a ZIP archive, as .npz files are" }
        if head.hasPrefix("version https://git-lfs") {
            return "it is a Git LFS pointer; run git lfs pull"
        }
        return text.hasPrefix("<") ? "it is HTML or XML" : nil
    }

    typealias Decoder = (
        UnsafePointer<UInt8>?, Int, UInt64, UnsafeMutablePointer<UInt8>?, Int,
        UnsafeMutablePointer<cic_report>?
    ) -> Int32

    var decoder: Decoder? {
        switch self {
        case .jpeg: cic_decode_jpeg
        case .png: cic_decode_png
        case .numpy: nil
        }
    }
}
