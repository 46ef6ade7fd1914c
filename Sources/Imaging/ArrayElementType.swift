// SPDX-License-Identifier: Apache-2.0

/// Type of a NumPy array's elements: booleans, integers and floats of 1 to 8 bytes, either byte
/// order.
struct ArrayElementType: Hashable {
    enum Kind: Character {
        case boolean = "b"
        case signed = "i"
        case unsigned = "u"
        case float = "f"

        /// Bytes an element may have.
        var sizes: [Int] {
            switch self {
            case .boolean: [1]
            case .signed, .unsigned: [1, 2, 4, 8]
            case .float: [2, 4, 8]
            }
        }
    }

    let kind: Kind
    /// Bytes of an element.
    let size: Int
    let isBigEndian: Bool

    /// Parses `|u1`, `<f4`, `>i2` and so on; nil for types that are not read.
    init?(descriptor: String) {
        let characters = Array(descriptor)
        guard characters.count == 3, "|<>".contains(characters[0]),
            let kind = Kind(rawValue: characters[1]), let size = Int(String(characters[2])),
            kind.sizes.contains(size)
        else { return nil }
        self.kind = kind
        self.size = size
        isBigEndian = characters[0] == ">"
    }

    /// Whether an element is a pixel's value, in 0...255: `uint8`.
    var isPixel: Bool { kind == .unsigned && size == 1 }

    /// The element at a byte offset, rounded to nearest where the type is wider than a Float.
    func value(at offset: Int, in bytes: UnsafeRawBufferPointer) -> Float {
        var bits: UInt64 = 0
        for index in 0..<size {
            bits = bits << 8 | UInt64(bytes[offset + (isBigEndian ? index : size - 1 - index)])
        }
        switch kind {
        case .boolean: return bits == 0 ? 0 : 1
        case .unsigned: return Float(bits)
        case .signed:
            let unused = 64 - 8 * size
            return Float(Int64(bitPattern: bits << unused) >> unused)
        case .float:
            switch size {
            case 2: return Self.float(half: UInt16(bits))
            case 4: return Float(bitPattern: UInt32(bits))
            default: return Float(Double(bitPattern: bits))
            }
        }
    }

    /// IEEE binary16, exactly.
    static func float(half bits: UInt16) -> Float {
        let sign: Float = bits >> 15 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = Float(bits & 0x3FF)
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            let unit = Float(sign: .plus, exponent: exponent - 25, significand: 1)
            return sign * (fraction + 1024) * unit
        }
    }
}
