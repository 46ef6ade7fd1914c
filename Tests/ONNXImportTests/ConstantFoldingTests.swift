// SPDX-License-Identifier: Apache-2.0

import Foundation
import ONNXModel
import SwiftProtobuf
import TestSupport
import Testing

@testable import ONNXImport

/// Every operator on constants, against ONNX Runtime (scripts/fixtures/make-folding-fixtures).
@Suite struct ConstantFoldingTests {
    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        var name: String
        var model: Data
        var outputs: [Output]
        var testDescription: String { name }
    }

    struct Output: Decodable, Sendable {
        var type: Int
        var dims: [Int]
        var values: [Number]
    }

    /// JSON has no infinities.
    struct Number: Decodable, Sendable {
        var value: Double

        init(from decoder: any Swift.Decoder) throws {
            let container = try decoder.singleValueContainer()
            value =
                try (try? container.decode(Double.self))
                ?? #require(Double(container.decode(String.self)))
        }
    }

    static let cases: [Case] = {
        let url = Resources.fixtures.appendingPathComponent("folding.json")
        return (try? JSONDecoder().decode([Case].self, from: Data(contentsOf: url))) ?? []
    }()

    /// Computed in Float by ONNX Runtime, in Double here.
    private static let inexact: Set<String> = [
        "BatchNormalization", "Cos", "CumSum", "Elu", "Erf", "Exp", "Gemm", "HardSigmoid",
        "HardSwish", "InstanceNormalization", "LayerNormalization", "Log", "LogSoftmax", "MatMul",
        "Mean", "Pow", "Range", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
        "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sigmoid", "Sin", "Softmax",
        "Softplus", "Softsign", "Tanh",
    ]

    private static func call(
        _ proto: Onnx_ModelProto
    ) throws -> (OperatorCall, [ONNXTensor?]) {
        let document = try ONNXDocument(
            data: proto.serializedData(), path: "case.onnx", directory: Resources.fixtures)
        let call = try OperatorCall(proto.graph.node[0], opset: document.opset)
        let operands = try call.node.input.map { name in
            try document.initializers[name].map { try document.decode($0) }
        }
        return (call, operands)
    }

    @Test(arguments: cases)
    func computesWhatONNXRuntimeComputes(_ given: Case) throws {
        let (call, operands) = try Self.call(Onnx_ModelProto(serializedBytes: given.model))
        let results = try ConstantFolding.evaluate(call, operands)
        try #require(results.count == given.outputs.count)
        for (ours, theirs) in zip(results, given.outputs) {
            #expect(ours.type.rawValue == theirs.type)
            #expect(ours.dims == theirs.dims)
            let values: [Double] =
                switch ours.elements {
                case .reals(let values): values.map { Double($0) }
                case .integers(let values): values.map { Double($0) }
                }
            try #require(values.count == theirs.values.count)
            let tolerance = Self.inexact.contains(call.type) ? 5e-7 : 0
            for (ours, theirs) in zip(values, theirs.values.map(\.value)) {
                let isEqual = ours == theirs || ours.isNaN && theirs.isNaN
                #expect(
                    isEqual || abs(ours - theirs) <= tolerance * max(1, abs(theirs)),
                    "\(ours) and \(theirs)")
            }
        }
    }

    @Test func everyOperatorHasACase() throws {
        let seen = try Set(
            Self.cases.map { try Self.call(Onnx_ModelProto(serializedBytes: $0.model)).0.type })
        #expect(seen == Set(ConstantFolding.rules.keys))
    }

    /// What a few bytes ask for must not take more memory or time than the model could be worth.
    @Test func sizesAreBounded() throws {
        func code(_ type: String, _ operands: [ONNXTensor]) throws -> ONNXError.Code? {
            let node = Onnx_NodeProto.with {
                $0.opType = type
                $0.output = ["y"]
            }
            let call = try OperatorCall(node, opset: 13)
            do {
                _ = try ConstantFolding.evaluate(call, operands)
                return nil
            } catch {
                return error.code
            }
        }
        func scalar(_ value: Int64) -> ONNXTensor {
            ONNXTensor(type: .int64, dims: [], elements: .integers([value]))
        }
        let huge = ONNXTensor([1 << 20, 1 << 20])
        let one = ONNXTensor(type: .float, dims: [1, 1], elements: .reals([1]))
        #expect(try code("Expand", [one, huge]) == .unsupported)
        #expect(try code("Tile", [one, huge]) == .unsupported)
        #expect(try code("ConstantOfShape", [huge]) == .unsupported)
        #expect(try code("Pad", [one, ONNXTensor([1 << 19, 1 << 19, 0, 0])]) == .unsupported)
        #expect(try code("Range", [scalar(0), scalar(.max), scalar(1)]) == .unsupported)
        #expect(try code("Range", [scalar(.min), scalar(.max), scalar(1)]) == .unsupported)
        #expect(try code("Range", [scalar(0), scalar(1), scalar(0)]) == .malformed)
        let column = ONNXTensor(
            type: .float, dims: [1 << 13, 1],
            elements: .reals([Float](repeating: 1, count: 1 << 13)))
        var row = column
        row.dims.reverse()
        #expect(try code("MatMul", [column, row]) == .unsupported)
    }
}
