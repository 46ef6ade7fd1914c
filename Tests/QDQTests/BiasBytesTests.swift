// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import QDQ
import Quantization
import TestSupport
import Testing

@Suite struct BiasBytesTests {
    /// Bias correction may touch nothing but biases: outside their bytes, the files are equal.
    @Test(arguments: TestSeed.values(20))
    func onlyBiasBytesChange(seed: UInt64) throws {
        var network = RandomNetworks.make(seed: seed)
        var random = SeededGenerator(seed: seed &+ 1000)
        // Full-range numbers, so that each bias is found in the file at one place only.
        for index in network.graph.convolutions {
            let count = network.parameters[index]?.bias.count ?? 0
            network.parameters[index]?.bias = (0..<count).map { _ in
                Int32.random(in: .min ... .max, using: &random)
            }
        }
        let before = try QDQModel.encode(network)
        var changed = network
        var isBias = [Bool](repeating: false, count: before.count)
        for index in network.graph.convolutions {
            let bias = network.parameters[index]?.bias ?? []
            let bytes = bias.flatMap { value in
                (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
            }
            let places = before.indices.filter { before[$0...].starts(with: bytes) }
            #expect(places.count == 1, "seed \(seed)")
            for place in places { for offset in bytes.indices { isBias[place + offset] = true } }
            changed.parameters[index]?.bias = bias.map { ~$0 }
        }
        let after = try QDQModel.encode(changed)
        try #require(after.count == before.count, "seed \(seed)")
        for position in before.indices {
            // The complement differs in every byte.
            #expect((before[position] != after[position]) == isBias[position], "seed \(seed)")
        }
    }
}
