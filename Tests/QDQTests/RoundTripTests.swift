// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXModel
import QDQ
import Quantization
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: TestSeed.values(150))
    func randomNetworksComeBackEqual(seed: UInt64) throws {
        let network = RandomNetworks.make(seed: seed)
        let contents = try QDQModel.decode(QDQModel.encode(network))
        #expect(contents.network.graph == network.graph, "seed \(seed)")
        #expect(contents.network == network, "seed \(seed)")
        #expect(contents.metadata.isEmpty)
    }

    @Test(arguments: TestSeed.values(100))
    func networksWithFunctionsComeBackEqual(seed: UInt64) throws {
        let network = RandomNetworks.make(
            seed: seed, RandomNetworks.Options(hasFunctions: true))
        let decoded = try QDQModel.decode(QDQModel.encode(network)).network
        #expect(decoded.graph == network.graph, "seed \(seed)")
        #expect(decoded == network, "seed \(seed)")
    }

    /// Several inputs of one batch; outputs that nodes read, that are the same value, and float
    /// beside 8-bit.
    @Test(arguments: TestSeed.values(100))
    func networksOfSeveralEndsComeBackEqual(seed: UInt64) throws {
        let network = RandomNetworks.make(
            seed: seed, RandomNetworks.Options(hasFunctions: true, inputs: 2, outputs: 3))
        let decoded = try QDQModel.decode(QDQModel.encode(network)).network
        #expect(decoded.graph == network.graph, "seed \(seed)")
        #expect(decoded == network, "seed \(seed)")
    }

    /// A Softmax behind the logits comes back as well, whatever their form; it changes nothing
    /// before it.
    @Test(arguments: [Graph.OutputFunction.softmax, .logSoftmax])
    func outputFunctionsComeBack(function: Graph.OutputFunction) throws {
        var forms: Set<String> = []
        for seed in 0..<100 as Range<UInt64> {
            var network = RandomNetworks.make(seed: seed)
            let output = network.graph.outputs[0]
            let pixels = network.graph.shape(of: output.value).pixels
            guard output.rank == 4 || pixels == 1 else { continue }
            let plain = try Onnx_ModelProto(serializedBytes: QDQModel.encode(network))
            network.graph.outputs[0].function = function
            let bytes = try QDQModel.encode(network)
            #expect(try QDQModel.decode(bytes).network == network, "seed \(seed)")
            let model = try Onnx_ModelProto(serializedBytes: bytes)
            let last = try #require(model.graph.node.last)
            #expect(last.opType == function.rawValue && last.output == [output.name])
            let isLast = output.rank == 4 && output.layout == .nhwc
            #expect(last.attribute.map(\.i) == [isLast ? 3 : 1], "seed \(seed)")
            #expect(model.graph.output == plain.graph.output)
            #expect(model.graph.initializer == plain.graph.initializer)
            #expect(model.graph.node.count == plain.graph.node.count + 1)
            forms.insert("\(output.rank) \(output.layout) \(pixels > 1)")
        }
        #expect(forms.count == 5, "\(forms)")
    }

    @Test func networksWithFunctionsCoverEveryCase() {
        var seen: Set<String> = []
        for seed in 0..<100 as Range<UInt64> {
            let network = RandomNetworks.make(
                seed: seed, RandomNetworks.Options(hasFunctions: true))
            for node in network.graph.nodes {
                let input = network.graph.shape(of: node.inputs[0])
                seen.insert(String(node.operation.kind(input: input).prefix(14)))
                if case .resize = node.operation { seen.insert("resize") }
                if node.operation == .multiply, network.graph.broadcasts(node) {
                    seen.insert("broadcast")
                }
            }
        }
        #expect(
            seen.isSuperset(of: [
                "multiply", "broadcast", "hard sigmoid", "hard swish", "local response", "sigmoid",
                "silu", "tanh", "leaky relu", "resize",
            ]))
    }

    @Test func randomNetworksCoverEveryCase() {
        var seen: Set<String> = []
        for seed in 0..<150 as Range<UInt64> {
            let network = RandomNetworks.make(seed: seed)
            for node in network.graph.nodes { seen.insert(String("\(node.operation)".prefix(8))) }
            let output = network.graph.outputs[0]
            seen.insert("rank \(output.rank) \(output.layout)")
            seen.insert("input \(network.graph.inputs[0].layout)")
            if network.activations[output.value] == nil { seen.insert("float output") }
        }
        #expect(
            seen.isSuperset(of: [
                "convolut", "add", "concat(a", "maxPool(", "averageP", "globalAv", "clamp",
                "rank 2 nchw", "rank 4 nchw", "rank 4 nhwc", "input nchw",
                "input nhwc", "float output",
            ]))
    }

    @Test func filesComeBackEqual() throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-\(UUID().uuidString).onnx").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let network = RandomNetworks.make(seed: 3)
        try QDQModel.write(network, metadata: ["model": "a"], to: path)
        #expect(try QDQModel.load(path: path) == network)
    }

    @Test func metadataComesBack() throws {
        let metadata = ["counterbias.digest": "00ff", "licence": "none", "empty": ""]
        let bytes = try QDQModel.encode(RandomNetworks.make(seed: 4), metadata: metadata)
        #expect(try QDQModel.decode(bytes).metadata == metadata)
    }

    @Test func equalNetworksGiveEqualBytes() throws {
        let metadata = Dictionary(uniqueKeysWithValues: (0..<40).map { ("key\($0)", "\($0)") })
        let reversed = Dictionary(
            uniqueKeysWithValues: metadata.reversed().map { ($0.key, $0.value) })
        let network = RandomNetworks.make(seed: 5)
        let first = try QDQModel.encode(network, metadata: metadata)
        #expect(try QDQModel.encode(network, metadata: reversed) == first)
        #expect(try QDQModel.encode(QDQModel.decode(first).network, metadata: metadata) == first)
    }

    @Test func outputCanBeTheInput() throws {
        let shape = TensorShape(height: 2, width: 3, channels: 4)
        for layout in [Graph.Layout.nchw, .nhwc] {
            let network = QuantizedNetwork(
                graph: Graph(
                    name: "", input: Graph.Input(name: "x", shape: shape, layout: layout),
                    nodes: [], output: Graph.Output(name: "y", value: 0, rank: 4, layout: layout)),
                parameters: [],
                activations: [TensorQuantization(scale: 0.1, zeroPoint: 3, type: .uint8)])
            #expect(try QDQModel.decode(QDQModel.encode(network)).network == network)
        }
    }

    @Test func collidingNamesAreKeptApart() throws {
        let network = RandomNetworks.make(seed: 11)
        var graph = network.graph
        graph.inputs[0].name = "a_quantized"
        graph.outputs[0].name = "a_scale"
        let hostile = [
            "a", "a_weight", "a_quantized", "a_quantized_quantized", "a_quantize", "a_clamp",
            "a_quantized_1", "a_dequantize", "a_weight_quantized", "pixel_axes",
            "node with spaces=,:",
            "a_bias",
        ]
        for index in graph.nodes.indices { graph.nodes[index].name = hostile[index] }
        let renamed = QuantizedNetwork(
            graph: graph, parameters: network.parameters, activations: network.activations)
        let contents = try QDQModel.decode(QDQModel.encode(renamed))
        #expect(contents.network == renamed)
        let names = contents.tensors.compactMap { $0 }
        #expect(Set(names).count == names.count)
    }

    @Test func trailingPoolPadsBeyondTheKernelComeBack() throws {
        let shape = TensorShape(height: 5, width: 5, channels: 2)
        // Windows begin at rows -2 and 2 and at columns 0 and 4; none reaches rows 5 to 7 or column
        // 6.
        let window = Window(
            kernelHeight: 3, kernelWidth: 2, strideHeight: 4, strideWidth: 4, padTop: 2,
            padBottom: 3,
            padRight: 2)
        let node = Node(
            name: "pool", operation: .averagePool(window, countIncludePad: false), inputs: [0],
            shape: TensorShape(height: 2, width: 2, channels: 2))
        let activation = TensorQuantization(scale: 0.1, zeroPoint: 3, type: .uint8)
        let network = QuantizedNetwork(
            graph: Graph(
                name: "g", input: Graph.Input(name: "x", shape: shape, layout: .nchw),
                nodes: [node],
                output: Graph.Output(name: "y", value: 1, rank: 4)),
            parameters: [nil], activations: [activation, activation])
        let bytes = try QDQModel.encode(network)
        #expect(try QDQModel.decode(bytes).network == network)
        let written = try Onnx_ModelProto(serializedBytes: bytes).graph.node
        let pool = try #require(written.first { $0.opType == "AveragePool" })
        // Shorter than the kernel: windows end with row 4 and column 5.
        #expect(pool.attribute.first { $0.name == "pads" }?.ints == [2, 0, 0, 1])
    }

    /// Writes networks for `scripts/interop/check-random.py`, which runs them in ONNX Runtime.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["COUNTERBIAS_QDQ_DUMP"] != nil))
    func dumpForInterop() throws {
        let folder = ProcessInfo.processInfo.environment["COUNTERBIAS_QDQ_DUMP"] ?? "."
        for activation in [IntegerType.uint8, .int8] {
            for weight in [IntegerType.uint8, .int8] {
                for seed in 0..<30 {
                    let network = RandomNetworks.make(
                        seed: UInt64(seed),
                        RandomNetworks.Options(activationType: activation, weightType: weight))
                    try QDQModel.write(
                        network, to: "\(folder)/\(activation)-\(weight)-\(seed).onnx")
                }
            }
        }
    }
}
