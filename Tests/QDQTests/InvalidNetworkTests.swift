// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import QDQ
import Quantization
import Testing

/// Networks that break an invariant are refused before anything is written.
@Suite struct InvalidNetworkTests {
    private func code(_ change: (inout QuantizedNetwork) -> Void) throws -> QDQError.Code {
        var network = RejectionTests.network()
        change(&network)
        return try #require(throws: QDQError.self) { try QDQModel.encode(network) }.code
    }

    @Test func parametersMustFit() throws {
        #expect(try code { $0.parameters[0]?.weights[0] = 128 } == .invalidNetwork)
        #expect(try code { $0.parameters[0]?.weights.removeLast() } == .invalidNetwork)
        #expect(try code { $0.parameters[0]?.scales.removeLast() } == .invalidNetwork)
        #expect(try code { $0.parameters[0]?.scales[1] = -1 } == .invalidNetwork)
        #expect(try code { $0.parameters[2]?.zeroPoints = [-1] } == .invalidNetwork)
        #expect(try code { $0.parameters[0]?.bias = [] } == .invalidNetwork)
        #expect(try code { $0.parameters[0] = nil } == .invalidNetwork)
        #expect(try code { $0.parameters[1] = $0.parameters[0] } == .invalidNetwork)
    }

    @Test func biasScaleMustBeAFloat() throws {
        #expect(
            try code { $0.parameters[0]?.scales[0] = .leastNonzeroMagnitude } == .invalidNetwork)
    }

    @Test func activationsMustFit() throws {
        #expect(try code { $0.activations[1] = nil } == .invalidNetwork)
        #expect(try code { $0.activations[0] = nil } == .invalidNetwork)
        #expect(try code { $0.activations[2]?.scale = 1 } == .invalidNetwork)
        #expect(try code { $0.activations[3]?.zeroPoint = 256 } == .invalidNetwork)
        #expect(try code { $0.activations[3]?.scale = .nan } == .invalidNetwork)
    }

    @Test func graphsMustFit() throws {
        #expect(try code { $0.graph.nodes[1].name = "conv" } == .invalidNetwork)
        #expect(try code { $0.graph.nodes[1].name = "" } == .invalidNetwork)
        #expect(try code { $0.graph.outputs[0].name = "x" } == .invalidNetwork)
        #expect(try code { $0.graph.outputs[0].rank = 3 } == .invalidNetwork)
        #expect(try code { $0.graph.outputs[0].value = 4 } == .invalidNetwork)
        #expect(try code { $0.graph.inputs[0].batch = 0 } == .invalidNetwork)
        #expect(try code { $0.graph.nodes[0].inputs = [1] } == .invalidNetwork)
        #expect(try code { $0.graph.nodes[0].inputs = [] } == .invalidNetwork)
        #expect(try code { $0.graph.nodes[1].shape.width = 3 } == .invalidNetwork)
        #expect(try code { $0.graph.nodes[0].clamp.upper = .infinity } == .invalidNetwork)
    }

    @Test func ownMetadataKeysAreReserved() throws {
        let error = try #require(throws: QDQError.self) {
            try QDQModel.encode(
                RejectionTests.network(), metadata: ["counterbias.node.conv": "clamp=0:"])
        }
        #expect(error.code == .invalidMetadata)
    }
}
