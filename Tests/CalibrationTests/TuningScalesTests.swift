// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Scales at the ends of Float, from which fine-tuning makes its steps.
@Suite struct TuningScalesTests {
    private static func options() -> CalibrationOptions {
        var options = CalibrationOptions.test(match: .pre, images: 2, quantizesOutput: false)
        options.tuning = TuningOptions(
            images: 2, loss: .relativeL2, temperature: 1, optimizer: .sgd(momentum: 0),
            learningRate: 0.1, schedule: .constant, warmup: .steps(0), batch: 2, epochs: 1, seed: 1,
            validationShare: 0)
        return options
    }

    private static func cluster(_ network: FloatNetwork) -> LocalCluster {
        LocalCluster(
            network: network, images: SmallNetwork.images(2, for: network, seed: 72),
            encoding: SmallNetwork.encoding(for: network))
    }

    private static let network = SmallNetwork.everything(seed: 71)

    /// A given model may have scales whose product is 0 or infinite in Float. Bias correction
    /// leaves such channels alone.
    @Test(arguments: [Float(1e-44), 3e38])
    func biasScalesOfAGivenModel(scale: Float) throws {
        var options = Self.options()
        let cluster = Self.cluster(Self.network)
        var given = try #require(try cluster.finish(options).quantized)
        let node = given.graph.convolutions[1]
        let name = given.graph.nodes[node].name
        given.parameters[node]?.scales = [scale]
        given.activations[given.graph.nodes[node].inputs[0]]?.scale = scale < 1 ? 0.01 : 2
        func finish() throws {
            var job = try CalibrationJob(
                network: cluster.network, options: options, imageCount: 2,
                inputRange: ActivationRange(lower: -1, upper: 1), given: given)
            while job.nextRound != nil { try cluster.step(&job) }
        }
        let error = #expect(throws: QuantizationError.self) { try finish() }
        #expect(error?.layer == name)
        #expect(error?.description.contains("fine-tuning needs") == true)
        options.tuning = nil
        try finish()
    }

    /// A float output whose range is wider than Float's largest number.
    @Test func outputsAtBothEndsOfFloat() throws {
        var network = Self.network
        let last = network.graph.nodes.count - 1
        network.parameters[last]?.bias[0] = 3e38
        network.parameters[last]?.bias[1] = -3e38
        let job = try Self.cluster(network).finish(Self.options())
        #expect(job.tuning?.outcome != nil)
    }
}
