// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import QDQ

/// Other biases in somebody's file: nothing else may change, and everything comes back.
@Suite struct BiasPatchTests {
    /// New biases of every layer but those that are constants; small, since float biases stand for
    /// any int32 below 2^24.
    private static func biases(
        of network: QuantizedNetwork, constants: [Int] = [], seed: UInt64
    ) -> BiasState {
        var random = SeededGenerator(seed: seed)
        return BiasState(
            layers: BiasState(of: network).layers.enumerated().map { layer, biases in
                constants.contains(layer)
                    ? biases : biases.map { $0 &+ Int32.random(in: -5000...5000, using: &random) }
            })
    }

    @Test(arguments: ForeignModelTests.names)
    func onlyBiasesChangeAndAllComesBack(name: String) throws {
        let bytes = try ForeignModelTests.bytes(name)
        let before = try QDQModel.decode(bytes)
        let places = before.biases.compactMap { $0?.place }
        let biases = Self.biases(
            of: before.network, constants: places.indices.filter { places[$0] == .fixed }, seed: 3)
        let (patch, created) = try BiasPatch.create(of: bytes, to: biases)
        let patched = try patch.apply(to: bytes)
        #expect(patched == created)
        let after = try QDQModel.decode(patched)
        #expect(BiasState(of: after.network) == biases)
        #expect(after.network.activations == before.network.activations)
        for (old, new) in zip(before.network.parameters, after.network.parameters) {
            #expect(old?.weights == new?.weights)
            #expect(old?.scales == new?.scales)
            #expect(old?.zeroPoints == new?.zeroPoints)
        }
        #expect(try patch.revert(from: patched) == bytes)

        let read = try BiasPatch(decoding: try patch.file().sealed())
        #expect(read == patch)
        try Self.expectOnlyBiases(bytes, patched, before.biases.compactMap { $0 })
    }

    /// Walks both files: the same messages but for the elements of biases, and what an added bias
    /// needs.
    private static func expectOnlyBiases(
        _ old: [UInt8], _ new: [UInt8], _ biases: [BiasTensor]
    ) throws {
        var before = try Onnx_ModelProto(serializedBytes: old)
        var after = try Onnx_ModelProto(serializedBytes: new)
        let names = Set(biases.compactMap(\.name))
        let added = biases.filter { $0.place == .absent }
        #expect(after.graph.initializer.count == before.graph.initializer.count + 2 * added.count)
        #expect(after.graph.node.count == before.graph.node.count + added.count)
        if added.isEmpty {
            #expect(old.count == new.count)
            let places = try Self.elements(of: names, in: old)
            for position in old.indices where old[position] != new[position] {
                #expect(places.contains { $0.contains(position) }, "byte \(position)")
            }
        }
        after.graph.node.removeFirst(added.count)
        after.graph.initializer.removeLast(2 * added.count)
        for bias in added {
            let index = try #require(
                after.graph.node.firstIndex { $0.name == bias.node })
            #expect(after.graph.node[index].input.count == 3)
            after.graph.node[index].input.removeLast()
            // A MatMul becomes a Gemm.
            if before.graph.node[index].opType == "MatMul" {
                #expect(after.graph.node[index].opType == "Gemm")
                after.graph.node[index].opType = "MatMul"
            }
        }
        for index in before.graph.initializer.indices {
            #expect(before.graph.initializer[index].name == after.graph.initializer[index].name)
            guard names.contains(before.graph.initializer[index].name) else { continue }
            before.graph.initializer[index].rawData = Data()
            after.graph.initializer[index].rawData = Data()
        }
        #expect(before == after)
    }

    /// Where the elements of the named initializers lie.
    private static func elements(of names: Set<String>, in bytes: [UInt8]) throws -> [Range<Int>] {
        let graph = try #require(try ProtobufMessage(bytes, in: bytes.indices).all(7).first)
        return try ProtobufMessage(bytes, in: graph.content).all(5).compactMap { tensor in
            let fields = try ProtobufMessage(bytes, in: tensor.content)
            let place = try #require(fields.all(8).first).content
            let name = String(decoding: bytes[place], as: UTF8.self)
            return names.contains(name) ? fields.all(9).first?.content : nil
        }
    }

    @Test func ownModelsTakePatches() throws {
        let network = RejectionTests.network()
        let bytes = try QDQModel.encode(network)
        let biases = Self.biases(of: network, seed: 5)
        let (patch, patched) = try BiasPatch.create(of: bytes, to: biases)
        #expect(try QDQModel.encode(network.replacingBiases(biases)) == patched)
        // Made with the file, it is the one made of the file.
        let made = try BiasPatch.create(encoding: network, metadata: [:], to: biases)
        #expect(made.patch == patch && made.patched == patched)
    }

    @Test func integersInVarintsAreRewritten() throws {
        let network = RejectionTests.network()
        var model = try Onnx_ModelProto(serializedBytes: try QDQModel.encode(network))
        try RejectionTests.tensor("head_bias_quantized", of: &model) {
            $0.clearRawData()
            $0.int32Data = [-1, 1]
        }
        let bytes: [UInt8] = try model.serializedBytes()
        let biases = BiasState(layers: [[70_000, 8, -9], [-3, 1 << 20]])
        let patch = try BiasPatch.create(of: bytes, to: biases).patch
        let patched = try patch.apply(to: bytes)
        #expect(BiasState(of: try QDQModel.decode(patched).network) == biases)
        #expect(try patch.revert(from: patched) == bytes)
    }

    /// A bias that two layers read, itself or dequantized, is replaced by one for each.
    @Test(arguments: ["residual.nncf-mixed", "residual.ort-u8u8-tensor"])
    func sharedBiasesAreParted(name: String) throws {
        var model = try Onnx_ModelProto(serializedBytes: try ForeignModelTests.bytes(name))
        let first = try #require(
            model.graph.node.firstIndex { $0.opType == "Conv" && $0.input.count > 2 })
        let operand = model.graph.node[first].input[2]
        // A second node that reads the same tensor: a copy of the layer, whose result is not used.
        var copy = model.graph.node[first]
        copy.name = "copy"
        copy.output = ["copy_float"]
        var quantize = try #require(
            model.graph.node.first { $0.opType == "QuantizeLinear" && $0.input[0] != "image" })
        quantize.name = "copy_quantize"
        quantize.input[0] = "copy_float"
        quantize.output = ["copy_quantized"]
        model.graph.node += [copy, quantize]
        let bytes: [UInt8] = try model.serializedBytes()
        let before = try QDQModel.decode(bytes)
        let biases = Self.biases(of: before.network, seed: 13)
        let (patch, patched) = try BiasPatch.create(of: bytes, to: biases)
        let after = try QDQModel.decode(patched)
        #expect(BiasState(of: after.network) == biases)
        #expect(Set(after.biases.compactMap { $0?.name }).count == biases.layers.count)
        #expect(after.biases.compactMap { $0?.name }.contains(operand) == false)
        #expect(try patch.revert(from: patched) == bytes)
    }

    /// Where no float32 stands for a bias, the layer gets one in int32.
    @Test func largeFloatBiasesBecomeIntegers() throws {
        let bytes = try ForeignModelTests.bytes("residual.nncf-mixed")
        var biases = BiasState(of: try QDQModel.decode(bytes).network)
        biases.layers[1][2] = (1 << 25) + 1
        let (patch, patched) = try BiasPatch.create(of: bytes, to: biases)
        let after = try QDQModel.decode(patched)
        #expect(BiasState(of: after.network) == biases)
        #expect(after.biases.compactMap { $0?.isFloat }[...2] == [true, false, true])
        #expect(try patch.revert(from: patched) == bytes)
    }

    @Test func unchangedBiasesMakeAnEmptyPatch() throws {
        let bytes = try ForeignModelTests.bytes("bare.ort-u8s8-channel")
        let network = try QDQModel.decode(bytes).network
        let patch = try BiasPatch.create(of: bytes, to: BiasState(of: network)).patch
        #expect(patch.edits.isEmpty)
        #expect(patch.model == patch.patched)
    }

    @Test func wrongModelsAndStatesAreNamed() throws {
        let bytes = try ForeignModelTests.bytes("mobile.ort-u8u8-tensor")
        let network = try QDQModel.decode(bytes).network
        let patch = try BiasPatch.create(of: bytes, to: Self.biases(of: network, seed: 7)).patch
        let patched = try patch.apply(to: bytes)
        #expect(throws: BiasPatchError(.alreadyApplied)) { try patch.apply(to: patched) }
        #expect(throws: BiasPatchError(.notApplied)) { try patch.revert(from: bytes) }
        let other = try ForeignModelTests.bytes("mobile.nncf-mixed")
        let found = Digest.sha256(of: other).hex
        #expect(
            throws: BiasPatchError(.otherModel(found: found, expected: patch.model.hex))
        ) { try patch.apply(to: other) }
    }

    @Test func damagedPatchesAreRefused() throws {
        let bytes = try ForeignModelTests.bytes("bare.ort-u8s8-channel")
        let network = try QDQModel.decode(bytes).network
        let patch = try BiasPatch.create(of: bytes, to: Self.biases(of: network, seed: 11)).patch
        let good = try patch.file().sealed()
        for position in stride(from: 0, to: good.count, by: 37) {
            var damaged = good
            damaged[position] ^= 1
            #expect(throws: SafetensorsError.self, "byte \(position)") {
                try BiasPatch(decoding: damaged)
            }
        }
        var file = try patch.file()
        file.metadata["offsets"] = "5"
        #expect(throws: BiasPatchError.self) { try BiasPatch(decoding: file.sealed()) }
        file = try patch.file()
        file.metadata["format"] = "another"
        #expect(throws: BiasPatchError.self) { try BiasPatch(decoding: file.sealed()) }
    }
}
