// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import SwiftProtobuf
import TestSupport
import Testing

/// Whatever is unsupported or malformed gives one error that says where and what.
@Suite struct ErrorTests {
    private func expect(
        _ code: ONNXError.Code, node: String? = nil, tensor: String? = nil, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (inout TestModel) -> Void
    ) {
        var model = TestModel.convolution
        build(&model)
        let error = model.error()
        #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
        #expect(error?.file == "test.onnx", sourceLocation: sourceLocation)
        #expect(error?.node == node, sourceLocation: sourceLocation)
        #expect(error?.tensor == tensor, sourceLocation: sourceLocation)
        #expect(
            error?.description.contains(text) == true, "\(String(describing: error))",
            sourceLocation: sourceLocation)
    }

    @Test func namesUnsupportedOperatorsBeforeReadingTensors() {
        expect(.unsupported, node: "act", "operator GridSample is not supported") {
            $0.proto.graph.initializer[0].rawData = Data()
            $0.proto.graph.node[0].output = ["z"]
            $0.add("GridSample", ["z"], "y", name: "act")
        }
        expect(.unsupported, node: "conv", "operator Conv of com.acme is not supported") {
            $0.proto.graph.node[0].domain = "com.acme"
        }
        expect(.unsupported, node: "conv", "attribute 'swizzle' is not supported") {
            $0.proto.graph.node[0].attribute = [
                .with {
                    $0.name = "swizzle"
                    $0.i = 1
                }
            ]
        }
    }

    /// One refusal tells of every kind once, however many nodes of it there are.
    @Test func listsEverythingInTheWay() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["a"]
        model.add("Sin", ["a"], "b", name: "gate")
        model.add("Einsum", ["b"], "c", name: "up")
        model.add("Sin", ["c"], "d", name: "gate2")
        model.integers("widths", [1, 0, 0, 0, 0, 0, 0, 0])
        model.add("Pad", ["a", "widths"], "e", name: "channels")
        model.add("Shape", ["d"], "s")
        model.add("Gather", ["s", "widths"], "g")
        model.add("Reshape", ["e", "g"], "y")
        model.proto.graph.output.append(TestModel.info("d", nil))
        let error = try #require(model.error())
        #expect(error.code == .unsupported && error.file == "test.onnx")
        #expect(
            error.obstacles.map { "\($0.count) \($0.operatorType ?? "-") \($0.node ?? "-")" }
                == ["2 Sin gate", "1 Einsum up", "1 Pad channels"])
        let lines = error.description.split(separator: "\n")
        #expect(lines.count == 4 && lines[0] == "test.onnx: 3 things stand in the way:")
        #expect(
            lines[1]
                == "    node 'gate' (Sin) and 1 more: operator Sin is supported on constants only."
        )
        // A damaged tensor is told only where nothing else stands in the way.
        model.proto.graph.initializer[0].rawData.removeLast()
        #expect(model.error()?.obstacles.map(\.operatorType) == ["Sin", "Einsum"])
    }

    @Test func listsNodesEvenWithoutAnInput() {
        var model = TestModel.convolution
        model.proto.graph.input = [TestModel.info("x", [1, 3, -1, -1])]
        model.proto.graph.node[0].output = ["z"]
        model.add("Sin", ["z"], "y", name: "gate")
        #expect(model.error()?.obstacles.map(\.node) == [nil, "gate"])
    }

    @Test func refusesTrainingForms() {
        func normalization(opset: Int64, outputs: [String], integer: [String: Int64]) -> TestModel {
            var model = TestModel(opset: opset)
            for name in ["a", "b", "c", "d"] { model.weights(name, [3], [1, 2, 3]) }
            model.add(
                "BatchNormalization", ["x", "a", "b", "c", "d"], "y", name: "bn", integer: integer)
            model.proto.graph.node[0].output += outputs
            return model
        }
        for model in [
            normalization(opset: 9, outputs: ["m", "v", "sm", "sv"], integer: [:]),
            normalization(opset: 14, outputs: [], integer: ["training_mode": 1]),
        ] {
            let error = model.error()
            #expect(error?.code == .unsupported && error?.node == "bn")
            #expect(error?.detail.contains("training form") == true)
            #expect(error?.detail.contains("model.eval()") == true)
        }
        #expect(normalization(opset: 9, outputs: ["", ""], integer: [:]).error() == nil)
    }

    @Test func namesWhyATensorIsMissing() throws {
        var unsorted = TestModel.convolution
        unsorted.proto.graph.node[0].input[0] = "r"
        unsorted.add("Relu", ["x"], "r", name: "late")
        let error = try #require(unsorted.error())
        #expect(error.code == .malformed && error.node == "conv")
        #expect(error.detail.contains("reads 'r', which the node 'late' computes only behind it"))
        #expect(error.detail.contains("topological_sort()"))

        var sparse = TestModel.convolution
        sparse.proto.graph.initializer = []
        // GraphProto.sparse_initializer, empty.
        let bytes = try sparse.proto.serializedData() + Data([0x3A, 2, 0x7A, 0])
        let document = try ONNXDocument(
            data: bytes, path: "test.onnx", directory: Resources.fixtures)
        let missing = try #require(throws: ONNXError.self) {
            try ONNXImporter.floatNetwork(of: document)
        }
        #expect(missing.node == "conv" && missing.detail.contains("sparse initializers"))
    }

    @Test func quantizedModelsAreNotFloatModels() {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["z"]
        model.weights("s", [1], [0.5])
        model.add("QuantizeLinear", ["z", "s"], "y", name: "q")
        let error = model.error()
        #expect(error?.code == .unsupported && error?.node == "q")
        #expect(error?.detail.contains("quantized already") == true)
    }

    @Test func unnamedNodesGoByTheirOutput() {
        expect(
            .unsupported, node: "y", "node 'y' (Sin): operator Sin is supported on constants only"
        ) {
            $0.proto.graph.node[0].name = ""
            $0.proto.graph.node[0].opType = "Sin"
        }
    }

    @Test func checksTensors() {
        expect(.invalidTensor, node: "conv", tensor: "w", "holds 428 bytes") {
            $0.proto.graph.initializer[0].rawData.removeLast(4)
        }
        expect(.invalidTensor, node: "conv", tensor: "w", "impossible extents") {
            $0.proto.graph.initializer[0].dims = [4, -3, 3, 3]
        }
        expect(.invalidTensor, node: "conv", tensor: "w", "impossible extents") {
            $0.proto.graph.initializer[0].dims = [.max, .max, 3, 3]
        }
        expect(.invalidTensor, node: "conv", tensor: "w", "infinite or undefined") {
            $0.proto.graph.initializer = []
            $0.weights("w", [4, 3, 3, 3], [Float](repeating: .nan, count: 108))
        }
        expect(.invalidTensor, node: "conv", tensor: "w", "has 0 elements") {
            $0.proto.graph.initializer[0].clearRawData()
        }
        expect(.unsupported, node: "conv", tensor: "w", "element type string") {
            $0.proto.graph.initializer[0].dataType = 8
        }
        expect(.malformed, tensor: "w", "initialized twice") { $0.weights("w", [1]) }
        expect(.malformed, node: "conv", "reads 'gone', which is not defined") {
            $0.proto.graph.node[0].input[1] = "gone"
        }
    }

    @Test func checksConvolutions() {
        expect(.malformed, node: "conv", tensor: "w", "do not fit 3 channels in 2 groups") {
            $0.proto.graph.node = []
            $0.add("Conv", ["x", "w"], "y", name: "conv", integer: ["group": 2])
        }
        expect(.malformed, node: "conv", "does not fit into its input") {
            $0.proto.graph.node = []
            $0.add("Conv", ["x", "w"], "y", name: "conv", integers: ["dilations": [3, 3]])
        }
        for attribute in ["strides", "dilations", "pads", "kernel_shape"] {
            for value in [-1, .max, .min] as [Int64] {
                var model = TestModel.convolution
                model.proto.graph.node = []
                let count = attribute == "pads" ? 4 : 2
                model.add(
                    "Conv", ["x", "w"], "y", name: "conv",
                    integers: [attribute: [Int64](repeating: value, count: count)])
                #expect(model.error()?.node == "conv", "\(attribute) \(value)")
            }
        }
    }

    @Test func checksInputsAndOutputs() {
        expect(.malformed, tensor: "y", "is an output twice") {
            $0.proto.graph.output.append($0.proto.graph.output[0])
        }
        expect(.unsupported, node: "conv", "'w2' must be constant") {
            $0.proto.graph.input.append(TestModel.info("w2", [1, 3, 3, 3]))
            $0.proto.graph.node[0].input[1] = "w2"
        }
        expect(.unsupported, tensor: "x2", "another batch size than 'x'") {
            $0.proto.graph.input.append(TestModel.info("x2", [7, 3, 8, 8]))
            $0.add("Relu", ["x2"], "y2")
            $0.proto.graph.output.append(TestModel.info("y2", nil))
        }
        expect(.unsupported, tensor: "x", "only N may be open") {
            $0.proto.graph.input = [TestModel.info("x", [1, 3, -1, 6])]
        }
        expect(.unsupported, tensor: "x", "has 3 axes") {
            $0.proto.graph.input = [TestModel.info("x", [1, 3, 6])]
        }
        expect(.unsupported, tensor: "x", "too large") {
            $0.proto.graph.input = [TestModel.info("x", [1, 3, .max, .max])]
        }
        expect(.unsupported, tensor: "x", "float input") {
            $0.proto.graph.input[0].type.tensorType.elemType = 2
        }
        expect(.unsupported, "operator set 6") { $0.proto.opsetImport[0].version = 6 }
        expect(.malformed, "no version of the standard operator set") {
            $0.proto.opsetImport = []
        }
        expect(.malformed, node: "again", "defines 'y' again") {
            $0.add("Relu", ["x"], "y", name: "again")
        }
    }

    @Test func refusesWhatCannotBeFolded() {
        func after(
            _ type: String, _ inputs: [String], _ change: (inout TestModel) -> Void
        ) -> String {
            var model = TestModel.convolution
            model.proto.graph.node[0].output = ["z"]
            change(&model)
            model.add(type, inputs, "y", name: "last")
            let error = model.error()
            #expect(error?.code == .unsupported && error?.node == "last")
            return error?.description ?? "no error"
        }
        #expect(after("Sub", ["z", "z"]) { _ in }.contains("only Add and Mul can"))
        #expect(after("Mul", ["z", "x"]) { _ in }.contains("one number per channel and image"))
        #expect(after("Add", ["z", "x"]) { _ in }.contains("different extents"))
        #expect(
            after("Mul", ["z", "m"]) { $0.weights("m", [1, 1, 4, 4]) }
                .contains("one number per channel"))
        #expect(
            after("Pad", ["z", "p"]) { $0.integers("p", [1, 0, 0, 0, 0, 0, 0, 0]) }
                .contains("along the batch"))
    }

    /// Extents that a file leaves open, given by hand.
    @Test func openExtentsCanBeGiven() throws {
        var model = TestModel.convolution
        model.proto.graph.input = [TestModel.info("x", [-1, 3, -1, 6])]
        func load(_ shapes: [String: [Int]]) throws -> Graph {
            try model.load(inputShapes: shapes).graph
        }
        let graph = try load(["x": [1, 3, 8, 6]])
        #expect(graph.inputs[0].shape == TensorShape(height: 8, width: 6, channels: 3))
        #expect(graph.inputs[0].batch == nil)
        #expect(try load(["x": [4, 3, 8, 6]]).inputs[0].batch == 4)
        func fault(_ shapes: [String: [Int]]) -> String {
            do { return "\(try load(shapes).inputs)" } catch { return "\(error)" }
        }
        #expect(fault([:]).contains("--input-shape x=1x3x224x224"))
        #expect(fault(["x": [1, 3, 8, 7]]).contains("the file says [any, 3, any, 6]"))
        #expect(fault(["x": [1, 3, 8]]).contains("the file says"))
        #expect(fault(["z": [1, 3, 8, 6]]).contains("is no input; there is 'x'"))
    }

    @Test func keepsOnlyAFinalSoftmaxOverTheChannels() throws {
        func model(_ type: String, axis: Int64, behind: [String] = []) -> TestModel {
            var model = TestModel.convolution
            model.proto.graph.node[0].output = ["z"]
            model.add(
                type, ["z"], behind.isEmpty ? "y" : "p", name: "probabilities",
                integer: ["axis": axis])
            for (index, next) in behind.enumerated() {
                let output = index == behind.count - 1 ? "y" : "q\(index)"
                model.add(next, [index == 0 ? "p" : "q\(index - 1)"], output, name: "behind")
            }
            return model
        }
        for type in [Graph.OutputFunction.softmax, .logSoftmax] {
            let graph = try model(type.rawValue, axis: 1, behind: ["Identity", "Dropout"]).load()
                .graph
            #expect(graph.outputs[0].function == type && graph.nodes.map(\.name) == ["conv"])
            #expect(try model(type.rawValue, axis: -3).load().graph.outputs[0].name == "y")
        }
        // Over anything else, and where something reads it, it is a node.
        let last = try model("Softmax", axis: -1).load().graph
        #expect(last.outputs[0].function == nil && last.nodes.contains { $0.operation == .softmax })
        let inside = try model("Softmax", axis: 1, behind: ["Relu"]).load().graph
        #expect(inside.nodes.map(\.name) == ["conv", "probabilities", "behind"])
        // Before operator set 13, axis 1 means all axes from there on.
        var old = model("Softmax", axis: 1)
        old.proto.opsetImport[0].version = 12
        #expect(old.error()?.detail.contains("normalizes several axes") == true)
        let refused = model("LogSoftmax", axis: 1, behind: ["Relu"]).error()
        #expect(refused?.code == .unsupported)
        #expect(refused?.node == "probabilities")
        #expect(refused?.detail.contains("is read by Relu 'behind'; it can only be") == true)
        #expect(model("LogSoftmax", axis: -1).error()?.node == "probabilities")
    }

    @Test func refusesRatiosThatCannotBeExpressed() {
        var model = TestModel()
        model.add(
            "AveragePool", ["x"], "y",
            integers: ["kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]],
            integer: ["ceil_mode": 1, "count_include_pad": 1])
        #expect(model.error()?.detail.contains("count_include_pad") == true)
    }

    @Test func emptyTensorsOfHugeExtentsDoNoHarm() {
        for type in ["Concat", "Transpose", "Gather", "Flatten", "Expand"] {
            var model = TestModel.convolution
            model.proto.graph.initializer.append(
                .with {
                    $0.name = "huge"
                    $0.dataType = 7
                    $0.dims = [0, 1 << 31, 1 << 31, 1 << 31]
                })
            model.proto.graph.node = []
            model.add(type, ["huge", "huge"], "h", name: "trap", integer: ["axis": 1])
            model.add("Pad", ["x", "h"], "y")
            #expect(model.error()?.code == .invalidTensor && model.error()?.node == "trap")
        }
    }

    @Test func duplicateNodeNamesAreMadeUnique() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["z"]
        model.weights("v", [4, 4, 1, 1])
        model.add("Conv", ["z", "v"], "y", name: "conv")
        #expect(try model.load().graph.nodes.map(\.name) == ["conv", "conv#2"])
    }

    @Test func longNamesAreCut() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].name = String(repeating: "n", count: 100_000)
        model.proto.graph.node[0].opType = String(repeating: "t", count: 100_000)
        let error = try #require(throws: ONNXError.self) { try model.load() }
        #expect(error.description.utf8.count < 2_000, "\(error.description.utf8.count)")
        #expect(error.description.contains(String(repeating: "n", count: 252) + "…'"))
        #expect(error.obstacles.allSatisfy { ($0.node ?? "").utf8.count <= 255 })
    }

    @Test func controlCharactersInNamesAreNotPrinted() {
        expect(.unsupported, node: "a\u{1B}[31m\nb", "'a\\u{1B}[31m\\u{A}b'") {
            $0.proto.graph.node[0].name = "a\u{1B}[31m\nb"
            $0.proto.graph.node[0].opType = "Sin"
        }
    }
}
