// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXModel
package import Quantization

/// Elements of a constant tensor, row-major.
package struct QDQConstant {
    /// Elements as they stand in the file, by its types.
    package enum Elements {
        /// As stored, infinite and undefined ones too.
        case float([Float])
        /// In the range of Int32.
        case int32([Int])
        /// In the range of Int64.
        case int64([Int])
        /// In the range of the type.
        case bytes([Int], IntegerType)
    }

    /// Of the initializer or Constant.
    package var name: String
    /// Extents; their product is the number of elements.
    package var axes: [Int]
    /// Row-major, as many as the extents give.
    package var elements: Elements

    /// - Throws: ``QDQError`` where the type is none of float, int32, int64, int8 and uint8, the
    ///   data is in another file, or its size does not fit the shape.
    init(_ tensor: Onnx_TensorProto) throws {
        name = tensor.name
        func fail(_ code: QDQError.Code, _ detail: String) -> QDQError {
            QDQError(code, tensor: tensor.name, detail)
        }
        guard tensor.dataLocation != .external, tensor.externalData.isEmpty else {
            throw fail(.externalData, "its data is in another file")
        }
        axes = []
        var count = 1
        for extent in tensor.dims {
            guard 0...Int64(SizeLimits.elements) ~= extent else {
                throw fail(.malformedGraph, "the extent \(extent) is out of range")
            }
            let product = count.multipliedReportingOverflow(by: Int(extent))
            guard !product.overflow else { throw fail(.malformedGraph, "its shape is too large") }
            count = product.partialValue
            axes.append(Int(extent))
        }
        let raw = tensor.hasRawData ? [UInt8](tensor.rawData) : nil
        let found: Int
        let size: Int
        switch Onnx_TensorProto.DataType(rawValue: Int(tensor.dataType)) {
        case .float:
            let values = raw.map { Self.words($0).map { Float(bitPattern: UInt32($0)) } }
            let floats = values ?? tensor.floatData
            (elements, found, size) = (.float(floats), floats.count, 4)
        case .int32:
            let values = raw.map { Self.words($0).map { Int(Int32(truncatingIfNeeded: $0)) } }
            let integers = values ?? tensor.int32Data.map(Int.init)
            (elements, found, size) = (.int32(integers), integers.count, 4)
        case .int64:
            let values = raw.map { Self.words($0, size: 8).map { Int(truncatingIfNeeded: $0) } }
            let integers = values ?? tensor.int64Data.map(Int.init)
            (elements, found, size) = (.int64(integers), integers.count, 8)
        case .int8:
            let values = raw.map { $0.map { Int(Int8(bitPattern: $0)) } }
            let integers = values ?? tensor.int32Data.map { Int(Int8(truncatingIfNeeded: $0)) }
            (elements, found, size) = (.bytes(integers, .int8), integers.count, 1)
        case .uint8:
            let values = raw.map { $0.map(Int.init) }
            let integers = values ?? tensor.int32Data.map { Int(UInt8(truncatingIfNeeded: $0)) }
            (elements, found, size) = (.bytes(integers, .uint8), integers.count, 1)
        default:
            throw fail(.unsupportedType, "the element type \(tensor.dataType) cannot be read")
        }
        guard found == count, raw.map({ $0.count == count * size }) ?? true else {
            throw fail(.malformedGraph, "holds \(found) elements, but its shape has \(count)")
        }
    }

    /// Little-endian words; an incomplete one at the end is left out.
    private static func words(_ bytes: [UInt8], size: Int = 4) -> [UInt64] {
        stride(from: 0, to: bytes.count - bytes.count % size, by: size).map { start in
            (0..<size).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64($1 * 8) }
        }
    }

    /// True for one element without axes or with one axis.
    package var isScalar: Bool { axes.isEmpty || axes == [1] }

    /// - Throws: ``QDQError`` with code `unsupportedType` where they are no floats.
    package func floats() throws -> [Float] {
        guard case .float(let values) = elements else {
            throw QDQError(.unsupportedType, tensor: name, "must be float")
        }
        return values
    }

    /// Positive, finite floats, as scales must be.
    /// - Throws: ``QDQError`` where they are others.
    package func scales() throws -> [Float] {
        let values = try floats()
        guard values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw QDQError(.inconsistentQuantization, tensor: name, "a scale is not positive")
        }
        return values
    }

    func int64s() throws -> [Int] {
        guard case .int64(let values) = elements else {
            throw QDQError(.unsupportedType, tensor: name, "must be int64")
        }
        return values
    }
}
