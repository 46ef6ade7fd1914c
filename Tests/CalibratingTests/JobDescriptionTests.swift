// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import JobState
import Storage
import Testing

@testable import Calibrating

@Suite struct JobDescriptionTests {
    private let description = JobDescription(
        network: Digest.sha256(of: "network"), quantized: nil,
        images: Digest.sha256(of: "images"), imageCount: 2, labels: [3, 4],
        options: SimulatedJob.pre.options)

    private func record(_ images: [String] = ["a", "b"], version: String = "1") -> JobRecord {
        JobRecord(
            job: Digest.sha256(of: "job"), version: version, command: [], folder: "/",
            model: JobRecord.Image(name: "m", digest: "0"),
            images: images.map { JobRecord.Image(name: $0, digest: $0) }, configuration: [:])
    }

    @Test func theTextIsItsName() throws {
        #expect(try description.text() == description.text())
        var other = description
        other.imageCount = 3
        #expect(try other.text() != description.text())
    }

    @Test func theSameJobHasNoDifferences() {
        #expect(description.differences(record(), from: description, record()).isEmpty)
        #expect(description.differences(record(), from: description, nil).isEmpty)
    }

    @Test func withoutARecordOnlyTheKindIsKnown() {
        var other = description
        other.network = Digest.sha256(of: "other")
        other.images = Digest.sha256(of: "others")
        other.options.shardImages = 9
        #expect(
            description.differences(record(), from: other, nil) == [
                "shard_images (9 then, 2 now)", "the model or its preprocessing", "the images",
            ])
    }

    @Test func withARecordFilesAndLabelsAreNamed() {
        var other = description
        other.labels = [3, 5]
        #expect(
            description.differences(record(), from: other, record())
                == ["the label of b (5 then, 4 now)"])
        other = description
        other.network = Digest.sha256(of: "other")
        #expect(
            description.differences(record(version: "2"), from: other, record())
                == ["the release (1 then, 2 now)"])
        let images = description.differences(record(["a", "c"]), from: description, record())
        #expect(images == ["images removed: b", "images added: c"])
    }

    @Test func roundsCountToTheirStage() {
        var timings = Timings()
        func add(_ kind: RoundKind, _ seconds: Double) {
            timings.add(Round(index: 0, kind: kind, shards: []), seconds, seconds / 2)
        }
        add(.statistics, 1)
        add(.histograms(edges: []), 2)
        add(.layerSums(layer: 0, match: .pre), 4)
        add(.measure, 8)
        add(.teacher, 16)
        add(.gradient(TuningLoss(.kl, temperature: 1)), 32)
        #expect(timings.statistics == 3 && timings.correction == 4 && timings.measurement == 8)
        #expect(timings.tuningMeasurement == 16 && timings.tuning == 32)
        #expect(timings.tuningProcessor == 16)
    }
}
