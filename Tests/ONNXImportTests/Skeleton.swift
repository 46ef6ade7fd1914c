// SPDX-License-Identifier: Apache-2.0

import Foundation
import ONNXModel
import SwiftProtobuf
import TestSupport

/// A model whose weights were left out (scripts/library/onnx_skeleton.py) and are made up again
/// here, by the same rule bit for bit.
struct Skeleton {
    private(set) var model: Onnx_ModelProto
    let name: String

    /// Reads `name`, a file of Tests/Fixtures/torchvision without `.onnx`.
    init(named name: String) throws {
        let url = Resources.fixtures.appendingPathComponent("torchvision/\(name).onnx")
        model = try Onnx_ModelProto(serializedBytes: Data(contentsOf: url))
        self.name = name
        fill()
    }

    private enum Role { case weight, matrix(isTransposed: Bool), bias, factor }

    private var roles: [String: Role] {
        var roles: [String: Role] = [:]
        for node in model.graph.node {
            let isTransposed = node.attribute.contains { $0.name == "transB" && $0.i == 1 }
            let operands: [Role?] =
                switch node.opType {
                case "Conv": [nil, .weight, .bias]
                case "Gemm": [nil, .matrix(isTransposed: isTransposed), .bias]
                case "MatMul": [nil, .matrix(isTransposed: isTransposed)]
                case "BatchNormalization": [nil, .factor, .bias, .bias, .factor]
                default: []
                }
            for (name, role) in zip(node.input, operands) { roles[name] = role ?? roles[name] }
        }
        return roles
    }

    private mutating func fill() {
        var filled = model
        let roles = roles
        for index in filled.graph.initializer.indices {
            let tensor = filled.graph.initializer[index]
            let count = tensor.dims.reduce(1, *)
            guard tensor.dataType == 1, tensor.rawData.isEmpty, tensor.floatData.isEmpty, count > 0,
                let role = roles[tensor.name]
            else { continue }
            let dims = tensor.dims.map(Double.init)
            let (scale, offset): (Double, Double) =
                switch role {
                case .weight: ((6 / dims.dropFirst().reduce(1, *)).squareRoot(), 0)
                case .matrix(let isTransposed): ((3 / dims[isTransposed ? 1 : 0]).squareRoot(), 0)
                case .bias: (0.125, 0)
                case .factor: (0.25, 1)
                }
            let values = Self.uniform(tensor.name, count: Int(count)) {
                Float($0 * scale + offset)
            }
            filled.graph.initializer[index].rawData = values.withUnsafeBytes { Data($0) }
        }
        model = filled
    }

    /// The model as a document, with an input of `size` rows and columns if not nil.
    func document(size: Int? = nil) throws -> ONNXDocument {
        var model = model
        if let size {
            for axis in 2...3 {
                model.graph.input[0].type.tensorType.shape.dim[axis].dimValue = Int64(size)
            }
        }
        return try ONNXDocument(
            data: model.serializedData(), path: name, directory: Resources.fixtures)
    }

    /// The input of the goldens: NCHW, in [-1, 1).
    func image(channels: Int, size: Int) -> [Double] {
        Self.uniform("input of " + name, count: channels * size * size) { $0 }
    }

    /// Doubles in [-1, 1): splitmix64 seeded with the FNV-1a hash of the name.
    private static func uniform<Value>(
        _ name: String, count: Int, _ convert: (Double) -> Value
    ) -> [Value] {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            var index = 0
            while index < count {
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                z ^= z >> 31
                buffer.initializeElement(at: index, to: convert(Double(z >> 40) * 0x1p-23 - 1))
                index += 1
            }
            initialized = count
        }
    }
}
