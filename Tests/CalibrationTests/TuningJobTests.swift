// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Fine-tuning with real networks, forward and backward.
@Suite struct TuningJobTests {
    private static func options(
        loss: TuningOptions.Loss = .kl, match: Match? = .pre, images: Int = 10,
        mirrors: Bool = false
    ) -> CalibrationOptions {
        var options = CalibrationOptions.test(match: match, bits: 4, images: 6)
        options.tuning = TuningOptions(
            images: images, loss: loss, temperature: 2,
            optimizer: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), learningRate: 0.2,
            schedule: .cosine, warmup: .share(0.1), batch: 4, epochs: 3, seed: 5,
            validationShare: 0.2, mirrors: mirrors)
        return options
    }

    private static func cluster(threads: [Int] = [1]) -> LocalCluster {
        let network = SmallNetwork.everything(seed: 21)
        return LocalCluster(
            network: network, images: SmallNetwork.images(10, for: network, seed: 22),
            encoding: SmallNetwork.encoding(for: network), threads: threads,
            labels: (0..<10).map {
                $0 % network.graph.shape(of: network.graph.outputs[0].value).count
            })
    }

    @Test(arguments: TuningOptions.Loss.allCases)
    func resultDoesNotDependOnWorkersOrThreads(loss: TuningOptions.Loss) throws {
        let options = Self.options(loss: loss)
        let reference = try Self.cluster().finish(options)
        #expect(reference.tuning?.outcome != nil)
        #expect(reference.progress.tuning?.stepLosses.count == 6)
        for threads in [[1, 1], [2], [3, 1, 2]] {
            let job = try Self.cluster(threads: threads).finish(options)
            #expect(job.progress == reference.progress, "threads \(threads)")
        }
    }

    @Test func resumingAfterAnyRoundGivesTheSameBits() throws {
        try expectSameBitsAfterResuming(Self.options(match: nil)) { Self.cluster(threads: $0) }
    }

    @Test(arguments: TuningOptions.Loss.allCases)
    func mirroredImagesAreImagesOfTheirOwn(loss: TuningOptions.Loss) throws {
        // A pool that holds the mirrored images itself sees the same images; only their order in
        // batches differs.
        let options = Self.options(loss: loss, images: 7, mirrors: true)
        let job = try Self.cluster(threads: [1, 2]).finish(options)
        let stage = try #require(job.tuning)
        #expect(stage.order.trainingImages + stage.order.validationImages == 14)
        #expect(job.targets?.count == 14)
        let cluster = Self.cluster()
        let shape = cluster.network.graph.inputs[0].shape
        let mirrored = cluster.images.map {
            $0.mirrored(width: shape.width, channels: shape.channels)
        }
        let images = job.images(of: .teacher, in: cluster.images) {
            $0.mirrored(width: shape.width, channels: shape.channels)
        }
        #expect(images == Array(cluster.images[..<7] + mirrored[..<7]))
        #expect(job.images(of: .measure, in: cluster.images) { _ in .pixels([]) } == cluster.images)
        if loss.usesTeacher {
            // The teacher saw what the positions say.
            let float = FloatExecutor(cluster.network)
            let workspace = Workspace()
            for (image, target) in zip(images, try #require(job.targets)) {
                #expect(
                    target
                        == .logits(
                            float.run(cluster.encoding.encode(image), workspace: workspace)))
            }
        }
        try expectSameBitsAfterResuming(options) { Self.cluster(threads: $0) }
    }

    @Test func mirroringExchangesLeftAndRight() {
        let image = InputPayload.pixels(Array(0..<12))
        #expect(
            image.mirrored(width: 3, channels: 2)
                == .pixels([4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7])
        )
        let tensor = InputPayload.tensor([1, 2, 3, 4, 5, 6])
        #expect(tensor.mirrored(width: 6, channels: 1) == .tensor([6, 5, 4, 3, 2, 1]))
        #expect(tensor.mirrored(width: 3, channels: 1).mirrored(width: 3, channels: 1) == tensor)
    }

    @Test func onlyBiasesChangeAndTheLossFalls() throws {
        let job = try Self.cluster().finish(Self.options(match: nil))
        let before = try #require(job.quantized)
        let after = try #require(job.result)
        #expect(BiasState(of: before) != BiasState(of: after))
        #expect(after.replacingBiases(BiasState(of: before)) == before)
        let summary = try #require(Ledger(job)?.tuning)
        #expect(summary.bestEpoch > 0 && summary.bestLoss < summary.startLoss)
        #expect(summary.layers.contains { $0.rmsSteps > 0 })
    }

    @Test func fineTuningIsNeverWorseThanItsStartOnValidationImages() throws {
        for seed in TestSeed.values(4) {
            var options = Self.options(match: .post)
            options.tuning?.seed = seed
            options.tuning?.learningRate = 30
            let outcome = try #require(try Self.cluster().finish(options).tuning?.outcome)
            #expect(outcome.bestLoss <= outcome.startLoss, "seed \(seed)")
        }
    }

    @Test func labelsThatDoNotFitAreRefused() throws {
        var cluster = Self.cluster()
        cluster.labels = [Int](repeating: 0, count: 9) + [1_000]
        #expect(throws: CalibrationError(.target(image: 9))) {
            try cluster.job(Self.options(loss: .crossEntropy))
        }
        cluster.labels = nil
        #expect(throws: CalibrationError(.target(image: 0))) {
            try cluster.job(Self.options(loss: .crossEntropy))
        }
    }

    @Test func targetsThatDoNotFitAreRefusedByTheWorker() throws {
        let cluster = Self.cluster()
        var job = try cluster.job(Self.options(match: nil))
        while job.targets == nil { try cluster.step(&job) }
        let round = try #require(job.nextRound)
        let task = ShardTask(
            kind: round.kind, shard: round.shards[0], biases: try #require(job.biases),
            round: round.index)
        let images = round.shards[0].images.map { cluster.images[$0] }
        let position = round.shards[0].images[0]
        for targets in [[], [TuningTarget.label(0)], [.logits([1])]] {
            #expect(throws: CalibrationError(.target(image: position))) {
                try cluster.computers[0].compute(task, images: images, targets: targets)
            }
        }
    }
}
