// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import NetworkGraph
import Quantization
import Storage
import TestSupport
import Testing

@testable import JobState

@Suite struct BlobTests {
    private static let network = SmallNetwork.everything(seed: 5)
    private static let encoding = SmallNetwork.encoding(for: network)

    private static func quantized() throws -> QuantizedNetwork {
        try #require(try SimulatedJob.post.job(resuming: SimulatedJob.post.progress).quantized)
    }

    @Test func networksSurvive() throws {
        let blob = NetworkBlob(network: Self.network, encoding: Self.encoding)
        let bytes = try blob.encoded()
        #expect(try NetworkBlob(decoding: bytes) == blob)
        #expect(try blob.encoded() == bytes)
        let tensors = NetworkBlob(network: Self.network, encoding: InputEncoding(tables: []))
        #expect(try NetworkBlob(decoding: tensors.encoded()) == tensors)
    }

    /// Only where there is one does the blob, whose digest names the job, speak of a function of
    /// the output.
    @Test func outputFunctionsSurvive() throws {
        var blob = NetworkBlob(network: Self.network, encoding: Self.encoding)
        func graph() throws -> String {
            try #require(SafetensorsFile(decoding: blob.encoded()).metadata["graph"])
        }
        #expect(try !graph().contains("function"))
        blob.network.graph.outputs[0].function = .softmax
        #expect(try graph().contains(#""function":"Softmax""#))
        #expect(try NetworkBlob(decoding: blob.encoded()) == blob)
    }

    @Test func quantizedNetworksSurvive() throws {
        var network = try Self.quantized()
        let bytes = try QuantizedNetworkBlob.encode(network)
        #expect(try QuantizedNetworkBlob.decode(bytes) == network)
        #expect(try QuantizedNetworkBlob.encode(network) == bytes)
        network.activations[network.activations.count - 1] = nil
        #expect(
            try QuantizedNetworkBlob.decode(QuantizedNetworkBlob.encode(network)) == network)
    }

    @Test func rescalingsSurvive() throws {
        let rescaling = try Self.rescaling()
        let bytes = try rescaling.encoded()
        let graph = SimulatedJob.prepared.network.graph
        #expect(try ChannelRescaling(decoding: bytes, for: graph) == rescaling)
        #expect(try rescaling.encoded() == bytes)
    }

    @Test func rescalingsThatDoNotFitAreRefused() throws {
        let original = try Self.rescaling()
        let graph = SimulatedJob.prepared.network.graph
        let channels = original.scales.count
        func expect(_ error: BlobError, _ change: (inout ChannelRescaling) -> Void) throws {
            var rescaling = original
            change(&rescaling)
            #expect(throws: error) {
                try ChannelRescaling(decoding: rescaling.encoded(), for: graph)
            }
        }
        try expect(.rescaledChannels(found: channels - 1, channels: channels)) {
            $0.scales.removeLast()
        }
        try expect(.rescaledChannels(found: channels + 1, channels: channels)) {
            $0.offsets.append(0)
        }
        for scale in [0, -1, .nan, .infinity] as [Float] {
            try expect(.rescaling) { $0.scales[1] = scale }
        }
        for offset in [-1, .nan, .infinity] as [Float] {
            try expect(.rescaling) { $0.offsets[1] = offset }
        }
        let file = try SafetensorsFile(decoding: original.encoded())
        for tensor in file.tensors {
            #expect(throws: (any Error).self) {
                try ChannelRescaling(decoding: file.without(tensor.name).encoded(), for: graph)
            }
        }
    }

    private static func rescaling() throws -> ChannelRescaling {
        let simulated = SimulatedJob.prepared
        return try #require(simulated.job(resuming: simulated.progress).equalization).rescaling
    }

    @Test func blobBytesArePinned() throws {
        // Builds have to name the same network by the same digest.
        #expect(SimulatedJob.pre.networkBlob.digest.hex == networkDigest)
        let bytes = try QuantizedNetworkBlob.encode(Self.quantized())
        #expect(Digest.sha256(of: bytes).hex == quantizedDigest)
    }

    @Test func everyMissingTensorIsAnError() throws {
        let blob = NetworkBlob(network: Self.network, encoding: Self.encoding)
        let float = try SafetensorsFile(decoding: blob.encoded())
        for tensor in float.tensors where tensor.name != "pixel-table.0" {
            #expect(throws: (any Error).self, "\(tensor.name)") {
                try NetworkBlob(decoding: try float.without(tensor.name).encoded())
            }
        }
        let integer = try SafetensorsFile(
            decoding: QuantizedNetworkBlob.encode(Self.quantized()))
        for tensor in integer.tensors {
            #expect(throws: (any Error).self, "\(tensor.name)") {
                try QuantizedNetworkBlob.decode(try integer.without(tensor.name).encoded())
            }
        }
        for key in integer.metadata.keys {
            var file = integer
            file.metadata[key] = nil
            #expect(throws: (any Error).self, "\(key)") {
                try QuantizedNetworkBlob.decode(file.encoded())
            }
        }
    }

    @Test(arguments: BrokenGraph.allCases)
    func graphsThatCannotRun(broken: BrokenGraph) throws {
        var network = Self.network
        broken.apply(to: &network.graph)
        let bytes = try NetworkBlob(network: network, encoding: Self.encoding).encoded()
        #expect(throws: BlobError.self) { try NetworkBlob(decoding: bytes) }
    }

    @Test func weightsOfOtherSizesAreRefused() throws {
        let original = try Self.quantized()
        let node = original.graph.convolutions[1]
        for change in [
            { $0.weights.removeLast() }, { $0.scales = [] }, { $0.zeroPoints = [0, 0] },
            { $0.zeroPoints = [256] }, { $0.scales.append(1) }, { $0.bias.append(0) },
            { $0.weights[0] = 256 },
        ] as [(inout QuantizedParameters) -> Void] {
            var network = original
            if var parameters = network.parameters[node] {
                change(&parameters)
                network.parameters[node] = parameters
            }
            #expect(throws: (any Error).self) {
                try QuantizedNetworkBlob.decode(QuantizedNetworkBlob.encode(network))
            }
        }
    }

    /// Bounds that leave nothing between them have no 8-bit form, and infinite ones no JSON.
    @Test func clampsThatLeaveNothingAreRefused() throws {
        let original = try Self.quantized()
        for clamp in [Clamp(lower: 2, upper: 1), Clamp(lower: 0, upper: -0.5)] {
            var network = original
            network.graph.nodes[0].clamp = clamp
            let bytes = try QuantizedNetworkBlob.encode(network)
            #expect(throws: BlobError.self) { try QuantizedNetworkBlob.decode(bytes) }
        }
        for value in ["1e39", "-1e39", "1e999", "\"nan\""] {
            var file = try SafetensorsFile(decoding: QuantizedNetworkBlob.encode(original))
            let graph = try #require(file.metadata["graph"])
            file.metadata["graph"] = graph.replacing(#""upper":6"#, with: #""upper":\#(value)"#)
            #expect(file.metadata["graph"] != graph)
            #expect(throws: BlobError.self) { try QuantizedNetworkBlob.decode(file.encoded()) }
        }
    }

    /// What no int32 sum holds cannot be packed.
    @Test func reductionsThatAreTooLongAreRefused() throws {
        for (length, fits) in [
            (QuantizedNetwork.longestReduction, true),
            (QuantizedNetwork.longestReduction + 1, false),
        ] {
            var small = SmallNetwork(
                input: TensorShape(height: 1, width: 1, channels: length), seed: 1)
            small.convolve(0, channels: 1)
            let graph = small.network().graph
            let scale = TensorQuantization(scale: 1, zeroPoint: 0, type: .uint8)
            let network = QuantizedNetwork(
                graph: graph,
                parameters: [
                    QuantizedParameters(
                        weights: [Int16](repeating: 1, count: length), type: .int8, scales: [1],
                        zeroPoints: [0], bias: [0])
                ], activations: [scale, scale])
            let bytes = try QuantizedNetworkBlob.encode(network)
            if fits {
                #expect(try QuantizedNetworkBlob.decode(bytes) == network)
            } else {
                #expect(throws: QuantizationError.self) { try QuantizedNetworkBlob.decode(bytes) }
            }
        }
    }

    @Test func damagedBytesNeverCrash() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let originals = [
            SimulatedJob.pre.networkBlob.bytes, try QuantizedNetworkBlob.encode(Self.quantized()),
        ]
        for turn in 0..<600 {
            var bytes = originals[turn % 2]
            let header = min(bytes.count, 2_500)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<header, using: &generator)
                bytes[place] =
                    Array("0987654321-{}[]\",:etruf".utf8)
                    .randomElement(using: &generator) ?? 0
            }
            _ =
                try? turn % 2 == 0
                ? NetworkBlob(decoding: bytes).network.graph
                : QuantizedNetworkBlob.decode(bytes).graph
        }
    }
}

private let networkDigest = "b7cee2945d85a65c91e3897f4b6f725298b37ab7df82d2d4d01f7d89424333a8"
private let quantizedDigest = "19e4e0a0b1d3e48380c40182b83c7419caced635f78ee45143dbb3be39d1b660"

/// Faults a graph from another build could have.
enum BrokenGraph: CaseIterable {
    case outputValue, negativeOutput, futureInput, noInputs, emptyShape, noAxes, manyAxes
    case negativeInputShape
    case hugeKernel, zeroStride, unevenGroups, noGroups, otherExtent, oneAddend, concatChannels
    case poolChannels, meanExtent, hugeShape

    func apply(to graph: inout Graph) {
        let last = graph.nodes.count - 1
        switch self {
        case .outputValue: graph.outputs[0].value = last + 2
        case .negativeOutput: graph.outputs[0].value = -1
        case .futureInput: graph.nodes[1].inputs = [2]
        case .noInputs: graph.nodes[0].inputs = []
        case .emptyShape: graph.nodes[0].shape.height = 0
        case .noAxes: graph.nodes[0].shape = TensorShape(rowMajor: [])
        case .manyAxes: graph.inputs[0].shape = TensorShape(rowMajor: [1, 1, 1, 1, 1, 1])
        case .negativeInputShape: graph.inputs[0].shape.channels = -3
        case .hugeKernel: change(&graph) { $0.window.kernelHeight = .max / 2 }
        case .zeroStride: change(&graph) { $0.window.strideWidth = 0 }
        case .unevenGroups: change(&graph) { $0.groups = 2 }
        case .noGroups: change(&graph) { $0.groups = 0 }
        case .otherExtent: graph.nodes[0].shape.width += 1
        case .oneAddend: graph.nodes[3].inputs.removeLast()
        case .concatChannels: graph.nodes[5].shape.channels += 1
        case .poolChannels: graph.nodes[6].shape.channels += 1
        case .meanExtent: graph.nodes[10].shape.height = 2
        case .hugeShape:
            graph.inputs[0].shape = TensorShape(height: .max, width: .max, channels: .max)
        }
    }

    /// Changes the first convolution.
    private func change(_ graph: inout Graph, _ change: (inout Convolution) -> Void) {
        guard var convolution = graph.nodes[0].convolution else { return }
        change(&convolution)
        graph.nodes[0].operation = .convolution(convolution)
    }
}
