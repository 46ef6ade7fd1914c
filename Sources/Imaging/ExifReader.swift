// SPDX-License-Identifier: Apache-2.0

/// Finds the Orientation tag in the EXIF block of a JPEG (APP1) or PNG (eXIf).
///
/// Damaged or missing EXIF counts as no tag: it says nothing about the pixels. XMP is not read.
enum ExifReader {
    static func orientation(of bytes: [UInt8], format: Format) -> OrientationTag? {
        let block =
            switch format {
            case .jpeg: jpegBlock(bytes)
            case .png: pngBlock(bytes)
            case .numpy: nil as ArraySlice<UInt8>?
            }
        return block.flatMap(tag)
    }

    /// The TIFF structure in the first APP1 segment that holds EXIF.
    private static func jpegBlock(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let signature = Array("Exif\0\0".utf8)
        var position = 2
        while position + 4 <= bytes.count, bytes[position] == 0xFF {
            let marker = bytes[position + 1]
            if marker == 0xFF {
                position += 1
                continue
            }
            // Start of scan or end of image: EXIF precedes both.
            if marker == 0xDA || marker == 0xD9 { return nil }
            let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            let end = position + 2 + length
            guard length >= 2, end <= bytes.count else { return nil }
            let body = bytes[position + 4..<end]
            if marker == 0xE1, body.starts(with: signature) {
                return body.dropFirst(signature.count)
            }
            position = end
        }
        return nil
    }

    private static func pngBlock(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let name = Array("eXIf".utf8)
        var position = 8
        while position + 12 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= bytes.count - position - 12 else { return nil }
            let body = position + 8
            if bytes[position + 4..<body].elementsEqual(name) { return bytes[body..<body + length] }
            position = body + length + 4
        }
        return nil
    }

    /// Entry 0x0112 of the first directory of a TIFF structure.
    private static func tag(_ slice: ArraySlice<UInt8>) -> OrientationTag? {
        let tiff = Array(slice)
        let isLittleEndian = tiff.starts(with: [0x49, 0x49])
        guard isLittleEndian || tiff.starts(with: [0x4D, 0x4D]) else { return nil }
        func number(_ offset: Int, _ size: Int) -> Int? {
            guard offset >= 0, offset <= tiff.count - size else { return nil }
            let field = tiff[offset..<offset + size]
            return isLittleEndian
                ? field.reversed().reduce(0) { $0 << 8 | Int($1) }
                : field.reduce(0) { $0 << 8 | Int($1) }
        }
        guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2)
        else { return nil }
        for entry in 0..<entries {
            let offset = directory + 2 + 12 * entry
            guard let id = number(offset, 2) else { return nil }
            guard id == 0x0112 else { continue }
            // One SHORT, stored in the entry itself.
            guard number(offset + 2, 2) == 3, number(offset + 4, 4) == 1 else { return nil }
            return number(offset + 8, 2).flatMap(OrientationTag.init)
        }
        return nil
    }
}
