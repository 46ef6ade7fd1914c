// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Maxima over windows so large that 16 bits do not name a place in them: fine-tuning has to say so
/// before it starts, and everything else may have them.
@Suite struct PooledValuesTests {
    /// A maximum over a whole image of 256 rows.
    private static func cluster(columns: Int) -> LocalCluster {
        let input = TensorShape(height: 256, width: columns, channels: 1)
        var small = SmallNetwork(input: input, seed: 61)
        let stem = small.convolve(0, channels: 1)
        let whole = Window(kernelHeight: input.height, kernelWidth: input.width)
        let largest = small.append(
            .maxPool(whole), [stem], shape: TensorShape(height: 1, width: 1, channels: 1))
        small.convolve(largest, channels: 2)
        let network = small.network()
        return LocalCluster(
            network: network, images: SmallNetwork.images(2, for: network, seed: 62),
            encoding: SmallNetwork.encoding(for: network))
    }

    @Test func fineTuningNamesTheLayer() throws {
        var options = CalibrationOptions.test(match: .pre, images: 2)
        _ = try Self.cluster(columns: 256).finish(options)
        options.tuning = TuningOptions(
            images: 2, loss: .relativeL2, temperature: 1, optimizer: .sgd(momentum: 0),
            learningRate: 0.1, schedule: .constant, warmup: .steps(0), batch: 2, epochs: 1, seed: 1,
            validationShare: 0)
        _ = try Self.cluster(columns: 255).finish(options)
        let error = #expect(throws: CalibrationError(.pooledValues(65_536, layer: "node1"))) {
            try Self.cluster(columns: 256).finish(options)
        }
        #expect(error?.description.contains("at most 65534") == true)
    }

    @Test func workersRefuseTheGradient() throws {
        let cluster = Self.cluster(columns: 256)
        let quantized = try #require(
            try cluster.finish(.test(match: .pre, images: 2)).quantized)
        let task = ShardTask(
            kind: .gradient(TuningLoss(.relativeL2, temperature: 1)),
            shard: Shard(index: 0, images: [0, 1]), biases: BiasState(of: quantized), round: 9)
        #expect(throws: CalibrationError(.pooledValues(65_536, layer: "node1"))) {
            try cluster.computers[0].compute(
                task, images: cluster.images,
                targets: [.logits([1, 0]), .logits([0, 1])])
        }
    }
}
