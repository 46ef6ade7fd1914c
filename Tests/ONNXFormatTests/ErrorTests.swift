import Foundation
import NetworkGraph
import SwiftProtobuf
import TestSupport
import Testing

@testable import ONNXFormat

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
        expect(.unsupported, node: "act", "operator Sigmoid is not supported") {
            $0.proto.graph.initializer[0].rawData = Data()
            $0.proto.graph.node[0].output = ["z"]
            $0.add("Sigmoid", ["z"], "y", name: "act")
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

    @Test func unnamedNodesGoByTheirOutput() {
        expect(.unsupported, node: "y", "node 'y' (Elu): operator Elu is not supported") {
            $0.proto.graph.node[0].name = ""
            $0.proto.graph.node[0].opType = "Elu"
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
        expect(.unsupported, "has 2 outputs") {
            $0.proto.graph.output.append($0.proto.graph.output[0])
        }
        expect(.unsupported, "depends on 2 inputs") {
            $0.proto.graph.input.append(TestModel.info("w2", [4, 3, 3, 3]))
            $0.proto.graph.node[0].input[1] = "w2"
        }
        expect(.unsupported, tensor: "x", "only N may be symbolic") {
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
            after("Reshape", ["z", "s"]) { $0.integers("s", [1, 2, 2, 16]) }
                .contains("splits an axis"))
        #expect(
            after("Pad", ["z", "p"]) { $0.integers("p", [0, 1, 0, 0, 0, 0, 0, 0]) }
                .contains("pads batch or channels"))
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
            #expect(graph.output.function == type && graph.nodes.map(\.name) == ["conv"])
            #expect(try model(type.rawValue, axis: -3).load().graph.output.name == "y")
        }
        let last = model("Softmax", axis: -1).error()
        #expect(last?.node == "probabilities")
        #expect(last?.detail.contains("along axis 3, which is not the channels alone") == true)
        // Before operator set 13, axis 1 means all axes from there on.
        var old = model("Softmax", axis: 1)
        old.proto.opsetImport[0].version = 12
        #expect(old.error()?.detail.contains("not the channels alone") == true)
        let inside = model("Softmax", axis: 1, behind: ["Relu"]).error()
        #expect(inside?.code == .unsupported)
        #expect(inside?.detail.contains("can only be the network's end") == true)
    }

    @Test func refusesRatiosThatCannotBeExpressed() {
        var model = TestModel()
        model.add(
            "AveragePool", ["x"], "y",
            integers: ["kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]],
            integer: ["ceil_mode": 1, "count_include_pad": 1])
        #expect(model.error()?.detail.contains("count_include_pad") == true)
    }

    @Test func refusesFilesThatAreNotModels() {
        let missing = #expect(throws: ONNXError.self) {
            try ONNXDocument(path: "/nonexistent/model.onnx")
        }
        #expect(missing?.code == .unreadable)
        for bytes in [[], [0xFF], Array("{}".utf8), [0x3A, 0x00]] as [[UInt8]] {
            let error = #expect(throws: ONNXError.self) {
                try ONNXDocument(
                    data: Data(bytes), path: "bad.onnx", directory: Resources.fixtures)
            }
            #expect(error?.code == .malformed)
            #expect(error?.file == "bad.onnx")
        }
    }

    @Test func duplicateNodeNamesAreMadeUnique() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["z"]
        model.weights("v", [4, 4, 1, 1])
        model.add("Conv", ["z", "v"], "y", name: "conv")
        #expect(try model.load().graph.nodes.map(\.name) == ["conv", "conv#2"])
    }

    @Test func controlCharactersInNamesAreNotPrinted() {
        expect(.unsupported, node: "a\u{1B}[31m\nb", "'a\u{FFFD}[31m\u{FFFD}b'") {
            $0.proto.graph.node[0].name = "a\u{1B}[31m\nb"
            $0.proto.graph.node[0].opType = "Elu"
        }
    }
}
