/// Element types of NumPy arrays that are read.
enum ArrayElementType: String, CaseIterable {
    case uint8 = "|u1"
    case float16 = "<f2"
    case float32 = "<f4"
    case float64 = "<f8"

    /// Bytes of an element.
    var size: Int {
        switch self {
        case .uint8: 1
        case .float16: 2
        case .float32: 4
        case .float64: 8
        }
    }
}

/// Little-endian elements to floats.
enum ArrayElements {
    /// - Parameters:
    ///   - bytes: holds at least `offset + count * type.size`.
    ///   - offset: where the first element starts.
    ///   - count: elements.
    ///   - type: of the stored elements.
    ///   - name: what errors call the file.
    /// - Returns: `count` finite values, rounded to nearest where the type is wider.
    /// - Throws: `.notFinite` with the index of the first offender.
    static func decode(
        _ bytes: [UInt8], offset: Int, count: Int, type: ArrayElementType, name: String
    ) throws(ImageError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        bytes.withUnsafeBytes { raw in
            for index in 0..<count {
                values[index] = element(raw, offset + index * type.size, type)
            }
        }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw ImageError(.notFinite, name, "element \(index) is \(values[index])")
        }
        return values
    }

    private static func element(
        _ raw: UnsafeRawBufferPointer, _ offset: Int, _ type: ArrayElementType
    ) -> Float {
        switch type {
        case .uint8:
            return Float(raw[offset])
        case .float16:
            let bits = raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
            return float(half: UInt16(littleEndian: bits))
        case .float32:
            let bits = raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            return Float(bitPattern: UInt32(littleEndian: bits))
        case .float64:
            let bits = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            return Float(Double(bitPattern: UInt64(littleEndian: bits)))
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
