/// A `.npy` file (NumPy's format, versions 1 and 2) that holds one network input.
///
/// Shapes `(H, W, C)` and `(C, H, W)`, also behind a 1 for the batch, and `(H, W)` for one channel.
struct NumpyFile {
    static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

    private let bytes: [UInt8]
    private let name: String
    private let header: NumpyHeader
    private let type: ArrayElementType
    private let dataOffset: Int
    private let count: Int

    /// Checks all but the shape.
    /// - Throws: `.corrupt`, `.unsupportedArray`.
    init(bytes: [UInt8], name: String) throws(ImageError) {
        self.bytes = bytes
        self.name = name
        let text: ArraySlice<UInt8>
        (text, dataOffset) = try Self.headerText(bytes, name)
        guard let header = NumpyHeader(Array(text)) else {
            throw ImageError(.corrupt, name, "the header is no dictionary of a plain array")
        }
        self.header = header
        guard let type = ArrayElementType(rawValue: header.descriptor) else {
            let known = ArrayElementType.allCases.map(\.rawValue).joined(separator: ", ")
            let found = "element type '\(header.descriptor)'"
            throw ImageError(.unsupportedArray, name, "\(found), only \(known)")
        }
        self.type = type
        guard !header.isFortranOrder else {
            throw ImageError(.unsupportedArray, name, "Fortran order, only C order")
        }
        var size = type.size
        for extent in header.shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw ImageError(.corrupt, name, "shape \(header.shape)") }
            size = product
        }
        guard bytes.count - dataOffset == size else {
            let found = bytes.count - dataOffset
            throw ImageError(.corrupt, name, "\(found) bytes of data, its shape needs \(size)")
        }
        count = size / type.size
    }

    private static func headerText(
        _ bytes: [UInt8], _ name: String
    ) throws(ImageError) -> (ArraySlice<UInt8>, end: Int) {
        guard bytes.count >= 12, bytes.starts(with: magic) else {
            throw ImageError(.corrupt, name, "too short for a NumPy file")
        }
        guard bytes[6] == 1 || bytes[6] == 2 else {
            let version = "format version \(bytes[6]).\(bytes[7])"
            throw ImageError(.unsupportedArray, name, "\(version), only 1 and 2")
        }
        let lengthSize = bytes[6] == 1 ? 2 : 4
        let start = 8 + lengthSize
        let length = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - start else {
            throw ImageError(.corrupt, name, "the header ends after the file")
        }
        return (bytes[start..<start + length], start + length)
    }

    /// The array as the network's input; of the (validated) preprocessing only the extent matters.
    ///
    /// Throws `.shapeMismatch` and `.notFinite`.
    func prepared(for preprocessing: Preprocessing) throws(ImageError) -> PreparedImage {
        let height = preprocessing.cropHeight
        let width = preprocessing.cropWidth
        let channels = preprocessing.channels
        let isPlanar = try planar(height, width, channels)
        let payload: PreparedImage.Payload
        if type == .uint8 {
            let pixels = Array(bytes[dataOffset...])
            payload = .pixels(isPlanar ? Self.interleaved(pixels, channels) : pixels)
        } else {
            let values = try ArrayElements.decode(
                bytes, offset: dataOffset, count: count, type: type, name: name)
            payload = .tensor(isPlanar ? Self.interleaved(values, channels) : values)
        }
        return PreparedImage(height: height, width: width, channels: channels, payload: payload)
    }

    /// Whether the array is `(C, H, W)` rather than `(H, W, C)`.
    private func planar(
        _ height: Int, _ width: Int, _ channels: Int
    ) throws(ImageError) -> Bool {
        var shape = header.shape
        if shape.count == 4 && shape[0] == 1 { shape.removeFirst() }
        if shape.count == 2 && channels == 1 { shape.append(1) }
        let isInterleaved = shape == [height, width, channels]
        let isPlanar = shape == [channels, height, width]
        if isInterleaved && isPlanar && channels > 1 {
            throw ImageError(.shapeMismatch, name, "\(shape) may be (H, W, C) or (C, H, W)")
        }
        guard isInterleaved || isPlanar else {
            let wanted = "\([height, width, channels]) or \([channels, height, width])"
            throw ImageError(.shapeMismatch, name, "shape \(header.shape), needed \(wanted)")
        }
        return !isInterleaved
    }

    private static func interleaved<Element>(_ planes: [Element], _ channels: Int) -> [Element] {
        let pixels = planes.count / channels
        var result: [Element] = []
        result.reserveCapacity(planes.count)
        for pixel in 0..<pixels {
            for channel in 0..<channels { result.append(planes[channel * pixels + pixel]) }
        }
        return result
    }
}
