// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import JobState
import NetworkGraph
import Quantization
import Storage

/// A calibration whose computation is next to nothing: depthwise convolutions over one pixel, and
/// every image the same. What is left is the cost of the protocol.
struct SyntheticJob {
    /// Biases of all convolutions together, at least; every task carries them.
    var biases: Int
    /// Shards of every round, one image each.
    var shards: Int
    /// Rounds of bias correction, one for each of as many layers.
    var rounds: Int

    /// Of every convolution.
    private var channels: Int { max(biases / rounds, 1) }

    /// - Throws: when the network cannot be encoded, which would be a defect.
    func make() throws -> CoordinatorDriver.Job {
        let network = network()
        let table = (0..<256).map { Float($0) / 127.5 - 1 }
        let encoding = InputEncoding(tables: [[Float]](repeating: table, count: channels))
        let blob = try NetworkBlob(network: network, encoding: encoding).sealed()
        let pixels = (0..<channels).map { UInt8($0 % 256) }
        let image = (
            reference: ImageReference(digest: Digest.sha256(of: pixels), isTensor: false),
            bytes: pixels
        )
        let calibration = try CalibrationJob(
            network: network,
            options: CalibrationOptions(
                scheme: QuantizationScheme(), removesDeadChannels: false,
                correction: CorrectionOptions(match: .post),
                rangeImages: shards, correctionImages: shards, shardImages: 1),
            imageCount: shards, inputRange: ActivationRange(lower: -1, upper: 1))
        return CoordinatorDriver.Job(
            digest: blob.digest, calibration: calibration, epoch: 1, network: blob,
            images: Array(repeating: image, count: shards),
            names: (0..<shards).map { "synthetic \($0)" }, configuration: "synthetic")
    }

    private func network() -> FloatNetwork {
        let shape = TensorShape(height: 1, width: 1, channels: channels)
        let nodes = (0..<rounds).map { layer in
            Node(
                name: "layer\(layer)",
                operation: .convolution(
                    Convolution(
                        window: Window(kernelHeight: 1, kernelWidth: 1), groups: channels)),
                inputs: [layer], clamp: Clamp(lower: -1, upper: 1), shape: shape)
        }
        // Any values do, as long as they are always the same.
        let weights: [Float] = (0..<channels).map { channel in 0.9 + Float(channel % 7) / 100 }
        let bias: [Float] = (0..<channels).map { channel in Float(channel % 11) / 100 }
        let parameters = FloatParameters(weights: weights, bias: bias)
        return FloatNetwork(
            graph: Graph(
                name: "synthetic", input: Graph.Input(name: "input", shape: shape, layout: .nchw),
                nodes: nodes,
                output: Graph.Output(name: "output", value: nodes.count, rank: 4)),
            parameters: Array(repeating: parameters, count: nodes.count))
    }
}
