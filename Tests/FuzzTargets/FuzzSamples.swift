// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import JobState
import NetworkGraph
import Quantization
import Storage
import TestSupport

/// Valid inputs of every decoder, made by a small job that really runs.
package struct FuzzSamples: Sendable {
    package static let shared: FuzzSamples = {
        do {
            return try FuzzSamples()
        } catch {
            preconditionFailure("the job behind the samples failed: \(error)")
        }
    }()

    private let network: FloatNetwork
    let quantized: QuantizedNetwork
    /// Both networks and what may lie between them, as workers fetch them.
    let networkBlob, quantizedBlob, rescalingBlob: [UInt8]
    /// In front of every round, of either job.
    let states: [CalibrationJob.Progress]
    private let samples: [FuzzTarget: [[[UInt8]]]]

    private static let images = 5

    package func of(_ target: FuzzTarget) -> [[[UInt8]]] { samples[target] ?? [] }

    /// The job that is at this point: no state of one of them is one of the other.
    func job(resuming progress: CalibrationJob.Progress) throws -> CalibrationJob {
        do {
            return try Self.job(network, Self.plain, progress)
        } catch {
            return try Self.job(network, Self.prepared, progress)
        }
    }

    private static func job(
        _ network: FloatNetwork, _ options: CalibrationOptions,
        _ progress: CalibrationJob.Progress = .init()
    ) throws -> CalibrationJob {
        try CalibrationJob(
            network: network, options: options, imageCount: images,
            inputRange: ActivationRange(lower: -1, upper: 1), resuming: progress)
    }

    private static let plain = CalibrationOptions(
        scheme: QuantizationScheme(), removesDeadChannels: true,
        correction: CorrectionOptions(match: .pre), rangeImages: images,
        correctionImages: images, shardImages: 3,
        tuning: TuningOptions(
            images: images, loss: .kl, temperature: 1,
            optimizer: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), learningRate: 0.1,
            schedule: .cosine, warmup: .steps(1), batch: 2, epochs: 1, seed: 3,
            validationShare: 0.2))

    /// All rounds that the other one lacks: histograms behind an equalization, means behind the
    /// activation, held-out images.
    private static let prepared = CalibrationOptions(
        scheme: QuantizationScheme(granularity: .channel, symmetry: .symmetric),
        range: .percentile(99),
        equalization: .crossLayer, removesDeadChannels: true,
        correction: CorrectionOptions(match: .post, iterations: 2), rangeImages: images,
        correctionImages: images, shardImages: 3, guardImages: 2)

    private init() throws {
        let network = Self.smallNetwork()
        self.network = network
        let encoding = SmallNetwork.encoding(for: network)
        let payloads = SmallNetwork.images(Self.images, for: network, seed: 8)
        let runner = LocalRunner(network: network, encoding: encoding, images: payloads)
        var (states, checkpoints) = ([CalibrationJob.Progress](), [[[UInt8]]]())
        var rounds: [[[UInt8]]] = []
        func run(_ options: CalibrationOptions) throws -> CalibrationJob {
            var job = try Self.job(network, options)
            while true {
                checkpoints.append(try Self.checkpoint(job))
                let state = job.progress
                guard let (_, results) = try runner.step(&job) else { return job }
                rounds.append([[UInt8(rounds.count)]] + results)
                states.append(state)
            }
        }
        let job = try run(Self.plain)
        _ = try run(Self.prepared)
        guard let quantized = job.quantized else { throw CheckpointError(.field("statistics")) }
        self.quantized = quantized
        self.states = states
        let everything = SmallNetwork.everything(seed: 5)
        let blob = try NetworkBlob(network: network, encoding: InputEncoding(tables: [])).encoded()
        let channels = network.graph.nodes.reduce(0) { $0 + $1.shape.channels }
        let rescaling = ChannelRescaling(
            scales: [Float](repeating: 1.5, count: channels),
            offsets: [Float](repeating: 0.25, count: channels))
        let integers = try QuantizedNetworkBlob.encode(quantized)
        networkBlob = try NetworkBlob(network: network, encoding: encoding).encoded()
        (quantizedBlob, rescalingBlob) = (integers, try rescaling.encoded())
        samples = [
            .message: Self.messages.map(MessageCodec.encode),
            .network: [
                [blob],
                [
                    try NetworkBlob(
                        network: everything, encoding: SmallNetwork.encoding(for: everything)
                    ).encoded()
                ],
            ],
            .quantized: [[integers]],
            .rescaling: [[rescalingBlob]],
            .target: [
                [TuningTarget.label(2).encoded()], [TuningTarget.logits([1, -2, 0.5]).encoded()],
            ],
            .biases: [[BiasState(of: quantized).encoded()]],
            .safetensors: [[blob], [integers]]
                + checkpoints.flatMap { files in files.map { [$0] } },
            .checkpoint: checkpoints,
            .resume: checkpoints,
            .results: rounds,
            .task: Self.tasks(for: quantized, images: payloads),
        ]
    }

    /// Two images in every sort of round.
    private static func tasks(
        for network: QuantizedNetwork, images: [InputPayload]
    ) -> [[[UInt8]]] {
        let digest = Digest.sha256(of: "task")
        let edges = network.graph.nodes.map { _ in ActivationRange(lower: -1, upper: 2) }
        let last = network.graph.convolutions.count - 1
        let kinds: [RoundKind] = [
            .statistics, .histograms(edges: edges), .layerSums(layer: 0, match: .pre),
            .layerSums(layer: last, match: .post), .measure, .teacher,
            .loss(TuningLoss(.crossEntropy, temperature: 1)),
            .gradient(TuningLoss(.kl, temperature: 2)),
            .gradient(TuningLoss(.relativeL2, temperature: 1)),
        ]
        return kinds.map { kind in
            let target = kind.loss.map { loss in
                loss.kind.usesTeacher
                    ? TuningTarget.logits([1, -2, 0.5]).encoded() : TuningTarget.label(2).encoded()
            }
            let message = Message.task(
                TaskMessage(
                    id: TaskID(job: digest, epoch: 3, round: 70, shard: 5, attempt: 2), kind: kind,
                    images: (0..<2).map {
                        TaskImage(
                            position: $0,
                            reference: ImageReference(digest: digest, isTensor: false),
                            target: target == nil ? nil : digest)
                    }, network: digest, quantized: digest, rescaling: digest,
                    biases: BiasState(of: network).encoded()))
            let pixels = images.prefix(2).map { image -> [UInt8] in
                if case .pixels(let bytes) = image { bytes } else { [] }
            }
            return MessageCodec.encode(message) + pixels
                + [[UInt8]](repeating: target ?? [], count: target == nil ? 0 : 2)
        }
    }

    private static func checkpoint(_ job: CalibrationJob) throws -> [[UInt8]] {
        let checkpoint = JobCheckpoint(
            job: Digest.sha256(of: "fuzz"), epoch: 5, progress: job.progress,
            configuration: "{\"limit\":5}\n")
        return [try checkpoint.file().encoded()]
            + (try checkpoint.statisticsFile().map { [$0.encoded()] } ?? [])
    }

    /// Few channels, so that an execution is quick: a convolution of each sort, a pool and a sum.
    private static func smallNetwork() -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 4, width: 3, channels: 1), seed: 7)
        let stem = small.convolve(0, channels: 2, kernel: 3, clamp: Clamp(lower: 0, upper: 6))
        let depthwise = small.convolve(stem, channels: 2, kernel: 3, groups: 2)
        let sum = small.append(
            .add, [stem, depthwise], shape: small.shape(stem), clamp: Clamp(lower: 0))
        let mean = small.append(
            .globalAveragePool, [sum], shape: TensorShape(height: 1, width: 1, channels: 2))
        small.convolve(mean, channels: 3)
        return small.network()
    }

    private static let messages: [Message] = {
        let digest = Digest.sha256(of: "sample")
        let id = TaskID(job: digest, epoch: 3, round: 70_000, shard: 5, attempt: 2)
        let image = TaskImage(
            position: 300, reference: ImageReference(digest: digest, isTensor: true),
            target: digest)
        let kinds: [RoundKind] = [
            .statistics, .layerSums(layer: 4, match: .post), .measure, .teacher,
            .gradient(TuningLoss(.kl, temperature: 2)),
        ]
        return [
            .hello(
                Hello(
                    versions: 1...2, golden: digest, host: "höst", process: 4711, threads: 8,
                    isa: "avx2", build: "0.1.0")),
            .welcome(Welcome(job: digest, epoch: 3, network: digest)), .refusal(reason: "no"),
            .fetch(BlobRange(digest: digest, offset: 262_144, length: 1_000)),
            .chunk(
                BlobChunk(digest: digest, offset: 262_144, total: 262_147, bytes: [1, 2, 3])),
            .result(ShardResult(id: id, biases: digest, payload: [9, 8])),
            .failure(id, reason: "bad"), .heartbeat(progress: 300),
            .goodbye(reason: "done", isFinished: true),
        ]
            + kinds.map {
                .task(
                    TaskMessage(
                        id: id, kind: $0, images: [image, image], network: digest,
                        quantized: digest, rescaling: digest, biases: [1, 0, 0, 0]))
            }
    }()
}
