// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing

@testable import ONNXModel

/// Decoding of constant tensors.
@Suite struct TensorTests {
    private func tensor(
        _ type: ElementType, _ dims: [Int64], raw: [UInt8]? = nil, int32: [Int32] = []
    ) -> Onnx_TensorProto {
        .with {
            $0.name = "t"
            $0.dataType = Int32(type.rawValue)
            $0.dims = dims
            if let raw { $0.rawData = Data(raw) }
            $0.int32Data = int32
        }
    }

    @Test(arguments: [
        (ElementType.uint8, [0, 127, 128, 255] as [UInt8], [0, 127, 128, 255] as [Int64]),
        (.int8, [0, 127, 128, 255], [0, 127, -128, -1]),
        (.bool, [0, 1, 1, 0], [0, 1, 1, 0]),
        (.uint16, [1, 0, 255, 255], [1, 65535]),
        (.int16, [0, 128, 255, 255], [-32768, -1]),
        (.int32, [255, 255, 255, 127, 0, 0, 0, 128], [2_147_483_647, -2_147_483_648]),
    ])
    func integersOfRawAndTypedDataAgree(
        _ type: ElementType, _ bytes: [UInt8], _ values: [Int64]
    ) throws {
        let dims = [1, Int64(values.count)]
        let raw = try ONNXTensor(tensor(type, dims, raw: bytes), external: nil)
        let typed = try ONNXTensor(
            tensor(type, dims, int32: values.map { Int32($0) }), external: nil)
        #expect(raw.integers == values)
        #expect(raw == typed)
        #expect(raw.type == type && raw.dims == [1, values.count])
    }

    @Test func realsOfEachWidth() throws {
        let values: [(ElementType, [UInt8])] = [
            (.float, [0, 0, 0xC0, 0xBF]), (.double, [0, 0, 0, 0, 0, 0, 0xF8, 0xBF]),
            (.float16, [0, 0xBE]), (.bfloat16, [0xC0, 0xBF]),
        ]
        for (type, bytes) in values {
            let scalar = try ONNXTensor(tensor(type, [], raw: bytes), external: nil)
            #expect(scalar.reals == [-1.5] && scalar.dims == [])
        }
    }

    @Test func typedValuesOutsideTheirTypeAreRefused() {
        for (type, value) in [(ElementType.uint8, 256), (.int8, -129), (.bool, 2), (.float16, -1)]
            as [(ElementType, Int32)]
        {
            let error = #expect(throws: ONNXError.self) {
                try ONNXTensor(tensor(type, [1], int32: [value]), external: nil)
            }
            #expect(error?.code == .invalidTensor && error?.tensor == "t")
        }
    }

    @Test func extentsAreBounded() {
        #expect(ONNXTensor.count([]) == 1)
        #expect(ONNXTensor.count([3, 4, 0]) == 0)
        #expect(ONNXTensor.count([-1]) == nil)
        #expect(ONNXTensor.count([.max, .max]) == nil)
        #expect(ONNXTensor.count([0, .max]) == nil)
        #expect(ONNXTensor.count([.max, 0]) == nil)
        #expect(ONNXTensor.count([0, 1 << 20, 1 << 20]) == nil)
        #expect(ONNXTensor.count([4, 5], limit: 19) == nil)
    }

    @Test func halfPrecisionIsDecodedExactly() {
        for bits in UInt16.min...UInt16.max {
            let ours = ONNXTensor.float16(bits)
            let reference = Float(Float16(bitPattern: bits))
            if reference.isNaN {
                #expect(ours.isNaN)
            } else {
                #expect(ours.bitPattern == reference.bitPattern)
            }
        }
    }
}
