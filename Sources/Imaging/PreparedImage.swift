/// One network input before normalization: what the coordinator ships to workers.
package struct PreparedImage: Hashable, Sendable {
    package enum Payload: Hashable, Sendable {
        /// `[height][width][channels]` in the network's channel order, still to be normalized.
        case pixels([UInt8])
        /// `[height][width][channels]`, used as it is: from a float `.npy` file. All finite.
        case tensor([Float])
    }

    package let height: Int
    package let width: Int
    /// 1 or 3.
    package let channels: Int
    package let payload: Payload

    /// `payload` has exactly `height * width * channels` elements.
    package init(height: Int, width: Int, channels: Int, payload: Payload) {
        self.height = height
        self.width = width
        self.channels = channels
        self.payload = payload
        precondition(payload.count == height * width * channels)
    }

    /// Elements.
    package var count: Int { height * width * channels }
}

extension PreparedImage.Payload {
    package var count: Int {
        switch self {
        case .pixels(let pixels): pixels.count
        case .tensor(let values): values.count
        }
    }
}

// MARK: - Bytes

extension PreparedImage {
    /// "CBIM", then element kind, height, width and channels, each a little-endian UInt32.
    private static let headerSize = 20
    private static let magic: UInt32 = 0x4D49_4243

    /// Header, then the elements as bytes (kind 1) or little-endian floats (kind 2). Equal images
    /// give equal bytes, so a digest of them names the image.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        let kind: UInt32 = if case .pixels = payload { 1 } else { 2 }
        for field in [Self.magic, kind, UInt32(height), UInt32(width), UInt32(channels)] {
            withUnsafeBytes(of: field.littleEndian) { bytes.append(contentsOf: $0) }
        }
        switch payload {
        case .pixels(let pixels):
            bytes.append(contentsOf: pixels)
        case .tensor(let values):
            bytes.reserveCapacity(bytes.count + 4 * values.count)
            for value in values {
                withUnsafeBytes(of: value.bitPattern.littleEndian) {
                    bytes.append(contentsOf: $0)
                }
            }
        }
        return bytes
    }

    /// Reverses `encoded()`; errors call the image `name`.
    ///
    /// Throws `.corrupt` if the header is wrong or the length is not what it says, and `.notFinite`.
    package init(encoded bytes: [UInt8], name: String) throws(ImageError) {
        func field(_ index: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[4 * index + $1]) << (8 * $1) }
        }
        guard bytes.count >= Self.headerSize, field(0) == Int(Self.magic) else {
            throw ImageError(.corrupt, name, "no prepared image")
        }
        let (kind, height, width, channels) = (field(1), field(2), field(3), field(4))
        let sides = 1...Preprocessing.maximumSide
        guard kind == 1 || kind == 2, sides.contains(height), sides.contains(width),
            channels == 1 || channels == 3
        else {
            throw ImageError(.corrupt, name, "the header of a prepared image is out of range")
        }
        let count = height * width * channels
        guard bytes.count - Self.headerSize == count * (kind == 1 ? 1 : 4) else {
            throw ImageError(.corrupt, name, "\(bytes.count) bytes for \(count) elements")
        }
        let payload: Payload
        if kind == 1 {
            payload = .pixels(Array(bytes[Self.headerSize...]))
        } else {
            let elements = try ArrayElements.decode(
                bytes, offset: Self.headerSize, count: count, type: .float32, name: name)
            payload = .tensor(elements)
        }
        self.init(height: height, width: width, channels: channels, payload: payload)
    }
}
