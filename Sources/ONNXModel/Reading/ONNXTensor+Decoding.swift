// SPDX-License-Identifier: Apache-2.0

package import Foundation

extension ONNXTensor {
    /// Decodes a tensor whose elements are in the message itself or in `external` bytes.
    ///
    /// - Parameters:
    ///   - proto: the tensor in the file.
    ///   - external: the tensor's bytes where its data is in another file.
    /// - Throws: ``ONNXError`` with code `invalidTensor` or `unsupported`.
    package init(_ proto: Onnx_TensorProto, external: Data?) throws(ONNXError) {
        let type = try proto.elementType()
        let (dims, count) = try proto.extents()
        let raw = external ?? (proto.hasRawData ? proto.rawData : nil)
        let elements =
            if let raw {
                try Self.decode(raw, as: type, count: count, of: proto)
            } else {
                try Self.decodeTyped(proto, as: type)
            }
        guard elements.count == count else {
            throw ONNXError(
                .invalidTensor, tensor: proto.name,
                "has \(elements.count) elements, but its extents \(dims) need \(count).")
        }
        self.init(type: type, dims: dims, elements: elements)
    }

    private static func decode(
        _ data: Data, as type: ElementType, count: Int, of proto: Onnx_TensorProto
    ) throws(ONNXError) -> Elements {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: type.size)
        guard !overflow, data.count == bytes else {
            throw ONNXError(
                .invalidTensor, tensor: proto.name,
                "holds \(data.count) bytes, but \(count) elements of type \(type) need "
                    + "\(overflow ? "more than can be counted" : "\(bytes)").")
        }
        switch type {
        case .float:
            return .reals(
                unpack(data, UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) })
        case .double:
            return .reals(
                unpack(data, UInt64.self) {
                    Float(Double(bitPattern: UInt64(littleEndian: $0)))
                })
        case .float16:
            return .reals(unpack(data, UInt16.self) { float16(UInt16(littleEndian: $0)) })
        case .bfloat16:
            return .reals(
                unpack(data, UInt16.self) {
                    Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16)
                })
        case .uint8: return .integers(integers(data, UInt8.self))
        case .bool: return .integers(unpack(data, UInt8.self) { $0 == 0 ? 0 : 1 })
        case .int8: return .integers(integers(data, Int8.self))
        case .uint16: return .integers(integers(data, UInt16.self))
        case .int16: return .integers(integers(data, Int16.self))
        case .uint32: return .integers(integers(data, UInt32.self))
        case .int32: return .integers(integers(data, Int32.self))
        case .int64: return .integers(integers(data, Int64.self))
        }
    }

    private static func integers<Stored: FixedWidthInteger & BitwiseCopyable>(
        _ data: Data, _ type: Stored.Type
    ) -> [Int64] {
        unpack(data, type) { Int64(Stored(littleEndian: $0)) }
    }

    private static func unpack<Stored: BitwiseCopyable, Value>(
        _ data: Data, _: Stored.Type, _ convert: (Stored) -> Value
    ) -> [Value] {
        let size = MemoryLayout<Stored>.size
        return data.withUnsafeBytes { bytes in
            [Value](unsafeUninitializedCapacity: bytes.count / size) { buffer, count in
                count = bytes.count / size
                var index = 0
                while index < count {
                    let stored = bytes.loadUnaligned(fromByteOffset: index * size, as: Stored.self)
                    buffer.initializeElement(at: index, to: convert(stored))
                    index += 1
                }
            }
        }
    }

    private static func decodeTyped(
        _ proto: Onnx_TensorProto, as type: ElementType
    ) throws(ONNXError) -> Elements {
        switch type {
        case .float: return .reals(proto.floatData)
        case .double: return .reals(proto.doubleData.map { Float($0) })
        case .int64: return .integers(proto.int64Data)
        case .uint32:
            let values = proto.uint64Data
            guard values.allSatisfy({ $0 <= UInt64(UInt32.max) }) else {
                throw ONNXError(.invalidTensor, tensor: proto.name, "has a value beyond uint32.")
            }
            return .integers(values.map { Int64($0) })
        case .float16, .bfloat16:
            let values = proto.int32Data
            guard values.allSatisfy({ 0...65535 ~= $0 }) else {
                throw ONNXError(.invalidTensor, tensor: proto.name, "has a value beyond 16 bits.")
            }
            return .reals(
                values.map {
                    type == .float16
                        ? float16(UInt16($0)) : Float(bitPattern: UInt32($0) << 16)
                })
        case .bool, .uint8, .int8, .uint16, .int16, .int32:
            let values = proto.int32Data.map { Int64($0) }
            guard let range = type.range, values.allSatisfy({ range.contains($0) }) else {
                throw ONNXError(.invalidTensor, tensor: proto.name, "has a value beyond \(type).")
            }
            return .integers(values)
        }
    }

    /// IEEE half precision to single; exact.
    static func float16(_ bits: UInt16) -> Float {
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10) & 31
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0: return sign * Float(fraction) * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
        }
    }
}

extension Onnx_TensorProto {
    /// Element type of the tensor, if it is one that is read.
    func elementType() throws(ONNXError) -> ElementType {
        guard let type = ElementType(rawValue: Int(dataType)) else {
            let name = DataType(rawValue: Int(dataType)).map { "\($0)" } ?? "\(dataType)"
            throw ONNXError(.unsupported, tensor: self.name, "has element type \(name).")
        }
        return type
    }

    /// Extents and their product.
    func extents() throws(ONNXError) -> (dims: [Int], count: Int) {
        let dims = dims.map { Int(clamping: $0) }
        guard let count = ONNXTensor.count(dims) else {
            throw ONNXError(.invalidTensor, tensor: name, "has impossible extents \(dims).")
        }
        return (dims, count)
    }
}
