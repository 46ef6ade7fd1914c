// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
package import ONNXModel
package import Quantization

/// Makes the protobuf messages of a written file.
package enum QDQProto {
    /// Operator set of written files; QuantizeLinear and DequantizeLinear are those of opset 13.
    package static let opset: Int64 = 17

    /// An attribute of one integer.
    package static func attribute(_ name: String, _ value: Int) -> Onnx_AttributeProto {
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

    /// An attribute of several integers.
    package static func attribute(_ name: String, _ values: [Int]) -> Onnx_AttributeProto {
        var attribute = Onnx_AttributeProto()
        attribute.name = name
        attribute.ints = values.map(Int64.init)
        attribute.type = .ints
        return attribute
    }

    /// Of a convolution or pool.
    static func attributes(_ window: Window) -> [Onnx_AttributeProto] {
        [
            attribute("kernel_shape", [window.kernelHeight, window.kernelWidth]),
            attribute("strides", [window.strideHeight, window.strideWidth]),
            attribute("pads", window.pads),
        ]
    }

    static func dilations(_ window: Window) -> Onnx_AttributeProto {
        attribute("dilations", [window.dilationHeight, window.dilationWidth])
    }

    /// float32 tensor, row-major; as many values as the product of `axes`.
    package static func tensor(_ name: String, _ values: [Float], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .float, axes: axes, bytes: littleEndian(values.map(\.bitPattern)))
    }

    /// int32 tensor, row-major; as many values as the product of `axes`.
    package static func tensor(_ name: String, _ values: [Int32], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .int32, axes: axes, bytes: littleEndian(values))
    }

    /// int64 tensor, row-major; as many values as the product of `axes`.
    package static func tensor(_ name: String, _ values: [Int64], axes: [Int]) -> Onnx_TensorProto {
        tensor(name, type: .int64, axes: axes, bytes: littleEndian(values))
    }

    /// 8-bit tensor; the values are in the range of `type`.
    package static func tensor(
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
