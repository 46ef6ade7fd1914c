// SPDX-License-Identifier: Apache-2.0

/// The head of a `.npy` file (NumPy's format, versions 1 and 2) that holds network inputs.
struct NumpyFile {
    static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
    /// Bytes that hold the header of every plain array, which is shorter by far.
    static let headLimit = 1 << 12
    /// Most inputs of one file.
    static let inputLimit = 1 << 20

    private let name: String
    let header: NumpyHeader
    private let type: ArrayElementType
    private let dataOffset: Int
    private let count: Int

    /// Checks all but the shape.
    /// - Parameters:
    ///   - head: the file, or its first `headLimit` bytes.
    ///   - size: of the file in bytes.
    ///   - name: what errors call it.
    /// - Throws: `.corrupt`, `.unsupportedArray`.
    init(head: [UInt8], size: Int, name: String) throws(ImageError) {
        self.name = name
        let text: ArraySlice<UInt8>
        (text, dataOffset) = try Self.headerText(head, name)
        guard let header = NumpyHeader(Array(text)) else {
            throw ImageError(.corrupt, name, "the header is no dictionary of a plain array")
        }
        self.header = header
        guard let type = ArrayElementType(descriptor: header.descriptor) else {
            throw ImageError(
                .unsupportedArray, name,
                "element type '\(header.descriptor)', only booleans, integers and floats up to 8 bytes"
            )
        }
        self.type = type
        var needed = type.size
        for extent in header.shape {
            let (product, overflow) = needed.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw ImageError(.corrupt, name, "shape \(header.shape)") }
            needed = product
        }
        guard size - dataOffset == needed else {
            let found = size - dataOffset
            throw ImageError(.corrupt, name, "\(found) bytes of data, its shape needs \(needed)")
        }
        count = needed / type.size
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

    /// How many network inputs the array holds.
    /// - Throws: `.shapeMismatch`, also for none; `.tooLarge` for more than `inputLimit`.
    func inputs(for preprocessing: Preprocessing) throws(ImageError) -> Int {
        let inputs = try layout(for: preprocessing).inputs
        guard inputs <= Self.inputLimit else {
            throw ImageError(.tooLarge, name, "\(inputs) inputs in one file")
        }
        return inputs
    }

    private func layout(for preprocessing: Preprocessing) throws(ImageError) -> NumpyLayout {
        let layout = try NumpyLayout(header, for: preprocessing, name: name)
        guard layout.inputs > 0 else {
            throw ImageError(.shapeMismatch, name, "shape \(header.shape) holds no input")
        }
        return layout
    }

    /// One input; of the (validated) preprocessing only the extent matters.
    /// - Parameters:
    ///   - input: below `inputs(for:)`; nil for the only one.
    ///   - preprocessing: whose extent it has.
    ///   - read: gives bytes of the file. Of a C-ordered array only this input's are read.
    /// - Returns: pixels of a `uint8` array, values of any other.
    /// - Throws: `.shapeMismatch`, `.notFinite`, and what `read` throws.
    func prepared(
        input: Int? = nil, for preprocessing: Preprocessing,
        read: (Range<Int>) throws(ImageError) -> [UInt8]
    ) throws(ImageError) -> PreparedImage {
        let layout = try layout(for: preprocessing)
        guard input.map({ (0..<layout.inputs).contains($0) }) ?? (layout.inputs == 1) else {
            throw ImageError(
                .shapeMismatch, name, "it holds \(layout.inputs) inputs; give it the ending .npy")
        }
        let image = (
            height: preprocessing.cropHeight, width: preprocessing.cropWidth,
            channels: preprocessing.channels
        )
        let size = image.height * image.width * image.channels
        let first = (input ?? 0) * layout.inputStride
        let stored = header.isFortranOrder ? 0..<count : first..<first + size
        let bytes = try read(
            dataOffset + stored.lowerBound * type.size..<dataOffset + stored.upperBound * type.size)
        var places: [Int] = []
        places.reserveCapacity(size)
        for row in 0..<image.height {
            for column in 0..<image.width {
                for channel in 0..<image.channels {
                    places.append(
                        first - stored.lowerBound + row * layout.rowStride
                            + column * layout.columnStride + channel * layout.channelStride)
                }
            }
        }
        let payload: PreparedImage.Payload =
            type.isPixel
            ? .pixels(places.map { bytes[$0] })
            : .tensor(try values(at: places, in: bytes, from: stored.lowerBound))
        return PreparedImage(
            height: image.height, width: image.width, channels: image.channels, payload: payload)
    }

    private func values(
        at places: [Int], in bytes: [UInt8], from start: Int
    ) throws(ImageError) -> [Float] {
        let values = bytes.withUnsafeBytes { bytes in
            places.map { type.value(at: $0 * type.size, in: bytes) }
        }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw ImageError(
                .notFinite, name, "element \(start + places[index]) is \(values[index])")
        }
        return values
    }
}
