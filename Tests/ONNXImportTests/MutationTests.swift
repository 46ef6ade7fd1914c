// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import SwiftProtobuf
import TestSupport
import Testing

/// Damaged files give an error or a network, never a crash or an endless loop.
@Suite struct MutationTests {
    /// Small models that between them use every operator.
    static let names = [
        "conv_same_upper", "conv_grouped", "conv_mul_add_div_sub", "batchnorm_before_grouped_conv",
        "clamps", "pad_computed", "pad_maxpool_signed", "maxpool_ceil_padded", "averagepool_ceil_0",
        "mean_input", "gemm_flattened_image", "gemm_alpha_beta", "matmul_add", "reshape_from_shape",
        "concat_branches", "nhwc", "typed_fields", "external_data", "constant_arithmetic",
        "batchnorm_opset7",
    ]

    /// COUNTERBIAS_FUZZ_ROUNDS mutants of each model, 300 by default.
    private static let rounds: Int = ProcessEnvironment.number("COUNTERBIAS_FUZZ_ROUNDS") ?? 300

    /// Numbers that are wrong in interesting ways, as protobuf varints.
    private static let varints: [[UInt8]] = [
        [0], [1], [0x7F], [0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0x80, 0x80, 0x80, 0x80, 0x08],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    ]

    @Test(arguments: names)
    func damagedFilesNeverCrash(_ name: String) throws {
        let folder = Resources.fixtures.appendingPathComponent("onnx")
        let original = try Data(contentsOf: folder.appendingPathComponent("\(name).onnx"))
        let seed = TestSeed.value
        var random = SplitMix64(state: seed)
        var loaded = 0
        for round in 0..<Self.rounds {
            var bytes = [UInt8](original)
            for _ in 0...random.next(below: 4) { Self.mutate(&bytes, &random) }
            do throws(ONNXError) {
                let document = try ONNXDocument(
                    data: Data(bytes), path: "mutant.onnx", directory: folder)
                let network = try ONNXImporter.floatNetwork(of: document)
                _ = GraphSummary(network.graph).table
                loaded += 1
            } catch {
                #expect(error.file == "mutant.onnx", "seed \(seed), round \(round)")
                #expect(!error.description.isEmpty)
            }
        }
        // Damage to a name or a weight goes unnoticed, so some must load.
        #expect(loaded > 0 && loaded < Self.rounds, "seed \(seed)")
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        guard !bytes.isEmpty else { return }
        let position = random.next(below: bytes.count)
        switch random.next(below: 6) {
        case 0: bytes[position] ^= 1 << UInt8(random.next(below: 8))
        case 1: bytes[position] = UInt8(truncatingIfNeeded: random.next())
        case 2:
            let end = min(position + 1 + random.next(below: 8), bytes.count)
            bytes.removeSubrange(position..<end)
        case 3:
            let end = min(position + 1 + random.next(below: 32), bytes.count)
            bytes.insert(contentsOf: bytes[position..<end], at: random.next(below: bytes.count))
        case 4:
            let varint = varints[random.next(below: varints.count)]
            let end = min(position + varint.count, bytes.count)
            bytes.replaceSubrange(position..<end, with: varint)
        default:
            if random.next(below: 8) == 0 { bytes.removeSubrange(position...) }
        }
    }

    /// Numbers in the parsed model replaced by others: deeper than damaged bytes reach.
    @Test(arguments: names)
    func wrongNumbersNeverCrash(_ name: String) throws {
        let folder = Resources.fixtures.appendingPathComponent("onnx")
        let original = try ONNXDocument(path: folder.appendingPathComponent("\(name).onnx").path)
        let seed = TestSeed.value
        var random = SplitMix64(state: seed)
        for _ in 0..<Self.rounds {
            var model = original.model
            Self.mutate(&model.graph, &random)
            do {
                let document = try ONNXDocument(
                    data: model.serializedData(), path: "seed \(seed)", directory: folder)
                _ = try ONNXImporter.floatNetwork(of: document)
            } catch is ONNXError {}
        }
    }

    private static let numbers: [Int64] = [
        -9, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 255, 65536, 1 << 31, 1 << 33, 1 << 62, .max, .min,
    ]

    private static func mutate(_ graph: inout Onnx_GraphProto, _ random: inout SplitMix64) {
        let number = numbers[random.next(below: numbers.count)]
        switch random.next(below: 5) {
        case 0 where !graph.node.isEmpty:
            let node = random.next(below: graph.node.count)
            guard !graph.node[node].attribute.isEmpty else { return }
            let attribute = random.next(below: graph.node[node].attribute.count)
            graph.node[node].attribute[attribute].i = number
            let ints = graph.node[node].attribute[attribute].ints.count
            if ints > 0 {
                graph.node[node].attribute[attribute].ints[random.next(below: ints)] = number
            }
        case 1 where !graph.initializer.isEmpty:
            let tensor = random.next(below: graph.initializer.count)
            let axes = graph.initializer[tensor].dims.count
            if axes > 0 { graph.initializer[tensor].dims[random.next(below: axes)] = number }
        case 2 where !graph.initializer.isEmpty:
            let tensor = random.next(below: graph.initializer.count)
            guard graph.initializer[tensor].dataType == 7,
                graph.initializer[tensor].rawData.count >= 8
            else { return }
            let value = withUnsafeBytes(of: number.littleEndian) { Data($0) }
            let index = random.next(below: graph.initializer[tensor].rawData.count / 8)
            graph.initializer[tensor].rawData.replaceSubrange(
                index * 8..<index * 8 + 8, with: value)
        case 3:
            let axis = random.next(below: graph.input[0].type.tensorType.shape.dim.count)
            graph.input[0].type.tensorType.shape.dim[axis].dimValue = number
        default:
            guard graph.node.count > 1 else { return }
            let (first, second) = (
                random.next(below: graph.node.count), random.next(below: graph.node.count)
            )
            guard let input = graph.node[second].input.first, !graph.node[first].input.isEmpty
            else { return }
            graph.node[first].input[random.next(below: graph.node[first].input.count)] = input
        }
    }
}

/// Steele, Lea, Flood: a small generator with a printable seed.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
