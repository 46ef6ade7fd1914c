// SPDX-License-Identifier: Apache-2.0

import Foundation
import Quantization

/// Makes the protobuf messages of a written file.
enum QDQProto {
    static func attribute(_ name: String, _ value: Int) -> Onnx_AttributeProto {
        var attribute = Onnx_AttributeProto()
        attribute.name = name
        attribute.i = Int64(value)
        attribute.type = .int
        return attribute
    }

    static func attribute(_ name: String, _ value: Float) -> Onnx_AttributeProto {
        var attribute = Onnx_AttributeProto()
        attribute.name = name
        attribute.f = value
        attribute.type = .float
        return attribute
    }

    static func attribute(_ name: String, _ value: String) -> Onnx_AttributeProto {
        var attribute = Onnx_AttributeProto()
        attribute.name = name
        attribute.s = Data(value.utf8)
        attribute.type = .string
        return attribute
    }

    static func attribute(_ name: String, _ values: [Int]) -> Onnx_AttributeProto {
        var attribute = Onnx_AttributeProto()
        attribute.name = name
        attribute.ints = values.map(Int64.init)
        attribute.type = .ints
        return attribute
    }

    static func entry(_ key: String, _ value: String) -> Onnx_StringStringEntryProto {
        var entry = Onnx_StringStringEntryProto()
        entry.key = key
        entry.value = value
        return entry
    }

    /// Dense float tensor; a nil batch is the symbolic dimension called `dynamic`.
    static func floatValue(
        _ name: String, batch: Int?, dynamic: String = "batch", axes: [Int]
    ) -> Onnx_ValueInfoProto {
        var first = Onnx_TensorShapeProto.Dimension()
        if let batch { first.dimValue = Int64(batch) } else { first.dimParam = dynamic }
        var info = Onnx_ValueInfoProto()
        info.name = name
        info.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
        info.type.tensorType.shape.dim =
            [first]
            + axes.map { extent in
                var dimension = Onnx_TensorShapeProto.Dimension()
                dimension.dimValue = Int64(extent)
                return dimension
            }
        return info
    }

    static func tensor(_ name: String, _ values: [Float], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .float, axes: axes, bytes: littleEndian(values.map(\.bitPattern)))
    }

    static func tensor(_ name: String, _ values: [Int32], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .int32, axes: axes, bytes: littleEndian(values))
    }

    static func tensor(_ name: String, _ values: [Int64], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .int64, axes: axes, bytes: littleEndian(values))
    }

    /// 8-bit tensor; the values are in the range of `type`.
    static func tensor(
        _ name: String, _ values: [Int], type: IntegerType, axes: [Int]
    ) -> Onnx_TensorProto {
        tensor(name, bytes: values.map { UInt8(truncatingIfNeeded: $0) }, type: type, axes: axes)
    }

    /// 8-bit tensor of elements as they are stored.
    static func tensor(
        _ name: String, bytes: [UInt8], type: IntegerType, axes: [Int]
    ) -> Onnx_TensorProto {
        tensor(name, type: type == .int8 ? .int8 : .uint8, axes: axes, bytes: bytes)
    }

    private static func tensor(
        _ name: String, type: Onnx_TensorProto.DataType, axes: [Int], bytes: [UInt8]
    ) -> Onnx_TensorProto {
        var tensor = Onnx_TensorProto()
        tensor.name = name
        tensor.dims = axes.map(Int64.init)
        tensor.dataType = Int32(type.rawValue)
        tensor.rawData = Data(bytes)
        return tensor
    }

    private static func littleEndian<T: FixedWidthInteger>(_ values: [T]) -> [UInt8] {
        values.flatMap { value in
            (0..<MemoryLayout<T>.size).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
    }
}
