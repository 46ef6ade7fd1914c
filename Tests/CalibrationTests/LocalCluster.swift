// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import Testing

/// Runs jobs without processes: one or more computers, shards dealt out in any order.
struct LocalCluster {
    let network: FloatNetwork
    let images: [InputPayload]
    let encoding: InputEncoding
    private let runner: LocalRunner
    var labels: [Int]?

    var computers: [ShardComputer] { runner.computers }

    init(
        network: FloatNetwork, images: [InputPayload], encoding: InputEncoding,
        threads: [Int] = [1], labels: [Int]? = nil
    ) {
        self.labels = labels
        self.network = network
        self.images = images
        self.encoding = encoding
        runner = LocalRunner(
            network: network, encoding: encoding, images: images, threads: threads)
    }

    /// Runs the next round of a job; `computer` picks who computes a shard.
    func step(_ job: inout CalibrationJob, computer: (Int) -> Int = { $0 }) throws {
        try runner.step(&job, computer: computer)
    }

    /// Gives all computers the integer network, once there is one.
    func load(_ job: CalibrationJob) throws { try runner.load(job) }

    func job(_ options: CalibrationOptions, resuming progress: CalibrationJob.Progress = .init())
        throws -> CalibrationJob
    {
        try CalibrationJob(
            network: network, options: options, imageCount: images.count,
            inputRange: ActivationRange(lower: -1, upper: 1), labels: labels, resuming: progress)
    }

    func finish(_ options: CalibrationOptions, computer: (Int) -> Int = { $0 }) throws
        -> CalibrationJob
    {
        var job = try job(options)
        while job.nextRound != nil { try step(&job, computer: computer) }
        return job
    }
}

/// Stops a job after every round in turn; everything but its progress is lost, and another cluster
/// goes on with it.
func expectSameBitsAfterResuming(
    _ options: CalibrationOptions, _ cluster: ([Int]) -> LocalCluster
) throws {
    let reference = try cluster([1]).finish(options)
    for stop in 0..<reference.progress.rounds {
        let first = cluster([1])
        var job = try first.job(options)
        for _ in 0..<stop { try first.step(&job) }
        let second = cluster([2])
        var resumed = try second.job(options, resuming: job.progress)
        try second.load(resumed)
        while resumed.nextRound != nil { try second.step(&resumed) }
        #expect(resumed.progress == reference.progress, "stopped after round \(stop)")
    }
}

extension CalibrationOptions {
    static func test(
        match: Match? = .pre, granularity: Granularity = .tensor,
        symmetry: WeightSymmetry = .asymmetric,
        bits: Int = 8, images: Int = 6, shardImages: Int = 2, quantizesOutput: Bool = true
    ) -> CalibrationOptions {
        CalibrationOptions(
            scheme: QuantizationScheme(
                granularity: granularity, symmetry: symmetry, weightBits: bits,
                quantizesOutput: quantizesOutput),
            removesDeadChannels: true,
            correction: match.map { CorrectionOptions(match: $0, iterations: 4) },
            rangeImages: images, correctionImages: images, shardImages: shardImages)
    }
}
