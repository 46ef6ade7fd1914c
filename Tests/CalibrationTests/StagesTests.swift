// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct StagesTests {
    private static func cluster() -> LocalCluster {
        let network = SmallNetwork.everything(seed: 21)
        return LocalCluster(
            network: network, images: SmallNetwork.images(8, for: network, seed: 22),
            encoding: SmallNetwork.encoding(for: network))
    }

    /// Everything there is to do.
    private static var options: CalibrationOptions {
        var options = CalibrationOptions.test(match: .post, bits: 4, images: 5)
        options.range = .mse
        options.guardImages = 3
        options.tuning = TuningOptions(
            images: 8, loss: .kl, temperature: 1, optimizer: .sgd(momentum: 0),
            learningRate: 0.2, schedule: .constant, warmup: .steps(0), batch: 2, epochs: 1,
            seed: 3, validationShare: 0)
        return options
    }

    @Test func turnsComeInOrder() throws {
        let cluster = Self.cluster()
        var job = try cluster.job(Self.options)
        var places: [Place] = []
        while job.nextRound != nil {
            if places.last != job.progress.place { places.append(job.progress.place) }
            try cluster.step(&job)
        }
        let layers = job.network.graph.convolutions.indices.flatMap {
            [.correcting(layer: $0), .guarding(.layer($0))] as [Place]
        }
        #expect(
            places == [.statistics, .ranging, .guarding(.teacher), .guarding(.start)] + layers
                + [.tuning, .guarding(.tuning), .measuring])
        #expect(job.progress.place == .finished)
        #expect(job.progress.rounds <= job.roundLimit)
    }

    @Test func jobsHaveTheStagesTheyAskFor() {
        #expect(
            [JobStage](for: Self.options).names == [
                "statistics", "ranging", "guard", "correction", "tuning", "measurement",
            ])
        #expect(
            [JobStage](for: .test(match: nil)).names == ["statistics", "ranging", "measurement"])
    }

    @Test func placesAreReadAsTheyAreWritten() {
        let places: [Place] = [
            .statistics, .ranging, .guarding(.teacher), .guarding(.start), .guarding(.layer(7)),
            .guarding(.tuning), .correcting(layer: 0), .tuning, .measuring, .finished,
        ]
        for place in places { #expect(Place(text: place.text) == place) }
        for text in ["", "guarding", "correcting", "tuning 1", "measuring 0", "correcting 1 2"] {
            #expect(Place(text: text) == nil, "\(text)")
        }
    }

    /// A state that is right, but for its place or for a stage that the job does not have.
    @Test func statesOfOtherJobsAreRefused() throws {
        let cluster = Self.cluster()
        let finished = try cluster.finish(Self.options).progress
        _ = try cluster.job(Self.options, resuming: finished)
        var moved = finished
        moved.place = .measuring
        #expect(throws: CalibrationError(.checkpointMismatch(field: "stage"))) {
            try cluster.job(Self.options, resuming: moved)
        }
        var other = Self.options
        other.tuning = nil
        #expect(throws: CalibrationError(.checkpointMismatch(field: "list of stages"))) {
            try cluster.job(other, resuming: finished)
        }
        var without = finished
        without.biases = nil
        #expect(throws: CalibrationError.self) {
            try cluster.job(Self.options, resuming: without)
        }
    }

    @Test func startingOverForgetsNothing() throws {
        let cluster = Self.cluster()
        let options = CalibrationOptions.test(match: .pre)
        let given = try #require(try cluster.finish(options).quantized)
        let job = try CalibrationJob(
            network: cluster.network, options: options, imageCount: cluster.images.count,
            inputRange: nil, given: given, fixedLayers: [1], labels: Array(0..<8))
        let again = try job.restarted()
        #expect(again.given == given)
        #expect(again.fixedLayers == [1])
        #expect(again.context.labels == Array(0..<8))
    }
}
