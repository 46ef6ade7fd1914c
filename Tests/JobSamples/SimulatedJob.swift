// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import JobState
package import NetworkGraph
import Quantization
package import Storage
import TestSupport

/// A small job, run once without disturbance: what every simulated run has to reproduce.
///
/// The network is real and so are all results; the simulation looks them up instead of computing
/// them again.
package struct SimulatedJob: Sendable {
    /// What a shard's result depends on, besides the job.
    package struct Key: Hashable, Sendable {
        package var round: Int, shard: Int, biases: Digest

        package init(round: Int, shard: Int, biases: Digest) {
            (self.round, self.shard, self.biases) = (round, shard, biases)
        }
    }

    package let digest: Digest
    package let network: FloatNetwork
    package let networkBlob: NetworkBlob.Sealed
    package let encoding: InputEncoding
    package let options: CalibrationOptions
    /// Pixels of the pool, in order.
    package let images: [(digest: Digest, bytes: [UInt8])]
    /// The undisturbed run's end.
    package let progress: CalibrationJob.Progress
    /// The undisturbed run's results, by round and shard.
    package let rounds: [[[UInt8]]]
    package let results: [Key: [UInt8]]

    /// Which methods it runs.
    package enum Variant: String, CaseIterable, Sendable { case pre, post, tuned, prepared }

    package static let pre = SimulatedJob(.pre)
    package static let post = SimulatedJob(.post)
    package static let tuned = SimulatedJob(.tuned)
    /// With equalization and histograms in front of the quantization, and a guard; means are
    /// matched behind the activation.
    package static let prepared = SimulatedJob(.prepared)

    package static func of(_ variant: Variant) -> SimulatedJob {
        switch variant {
        case .pre: pre
        case .post: post
        case .tuned: tuned
        case .prepared: prepared
        }
    }

    package init(_ variant: Variant) {
        do {
            try self.init(computing: variant)
        } catch {
            preconditionFailure("the undisturbed run failed: \(error)")
        }
    }

    private init(computing variant: Variant) throws {
        network = Self.smallNetwork()
        options = CalibrationOptions(
            scheme: QuantizationScheme(weightBits: 5),
            range: variant == .prepared ? .mse : .minmax,
            equalization: variant == .prepared ? .crossLayer : nil, removesDeadChannels: true,
            correction: CorrectionOptions(
                match: [.post, .prepared].contains(variant) ? .post : .pre, iterations: 2),
            rangeImages: 9,
            correctionImages: 7, shardImages: 2, guardImages: variant == .prepared ? 2 : nil,
            tuning: variant == .tuned ? Self.tuning : nil)
        encoding = SmallNetwork.encoding(for: network)
        let payloads = SmallNetwork.images(9, for: network, seed: 8)
        images = payloads.map { payload in
            guard case .pixels(let bytes) = payload else { preconditionFailure("pixels expected") }
            return (Digest.sha256(of: bytes), bytes)
        }
        networkBlob = try NetworkBlob(network: network, encoding: encoding).sealed()
        digest = Digest.sha256(of: "simulated \(variant)")
        let blob = try NetworkBlob(decoding: networkBlob.bytes)
        let runner = LocalRunner(
            network: blob.network, encoding: blob.encoding, images: payloads)
        var job = try Self.job(network, options, payloads.count)
        var (rounds, results): ([[[UInt8]]], [Key: [UInt8]]) = ([], [:])
        var biases = Digest.sha256(of: BiasState(layers: []).encoded())
        while let (round, ordered) = try runner.step(&job) {
            for (shard, result) in zip(round.shards, ordered) {
                results[Key(round: round.index, shard: shard.index, biases: biases)] = result
            }
            rounds.append(ordered)
            biases = Digest.sha256(of: (job.biases ?? BiasState(layers: [])).encoded())
        }
        (self.rounds, self.results, progress) = (rounds, results, job.progress)
    }

    /// A fresh job, or one that goes on from a checkpoint.
    package func job(resuming progress: CalibrationJob.Progress = .init()) throws -> CalibrationJob
    {
        try Self.job(network, options, images.count, progress)
    }

    private static func job(
        _ network: FloatNetwork, _ options: CalibrationOptions, _ images: Int,
        _ progress: CalibrationJob.Progress = .init()
    ) throws -> CalibrationJob {
        try CalibrationJob(
            network: network, options: options, imageCount: images,
            inputRange: ActivationRange(lower: -1, upper: 1), resuming: progress)
    }

    private static let tuning = TuningOptions(
        images: 9, loss: .kl, temperature: 1,
        optimizer: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), learningRate: 0.1,
        schedule: .cosine, warmup: .steps(1), batch: 4, epochs: 2, seed: 3, validationShare: 0.2,
        mirrors: true)

    private static func smallNetwork() -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 5, width: 4, channels: 2), seed: 7)
        let stem = small.convolve(0, channels: 4, kernel: 3, clamp: Clamp(lower: 0, upper: 6))
        let depthwise = small.convolve(
            stem, channels: 4, kernel: 3, groups: 4, clamp: Clamp(lower: 0))
        let mean = small.append(
            .globalAveragePool, [depthwise], shape: TensorShape(height: 1, width: 1, channels: 4))
        small.convolve(mean, channels: 3)
        return small.network()
    }
}
