// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Foundation
import JobInputs
import JobState
import NetworkGraph
import PrintableText
import QDQ
import Quantization
import Release
import Report
import Settings
import Storage

/// What a finished calibration leaves in its folder and says on stdout.
package struct CalibrationResults {
    let configuration: Configuration
    let description: JobDescription
    let job: CalibrationJob
    /// Nil where the network was quantized here.
    let given: QuantizedModelFile?
    let inputs: Inputs
    let timings: Timings
    let timeline: WorkerTimeline
    private let ledger: Ledger?

    init(
        configuration: Configuration, description: JobDescription, job: CalibrationJob,
        given: QuantizedModelFile?, inputs: Inputs, timings: Timings,
        timeline: WorkerTimeline
    ) {
        self.configuration = configuration
        self.description = description
        self.job = job
        self.given = given
        self.inputs = inputs
        self.timings = timings
        self.timeline = timeline
        ledger = Ledger(job)
    }

    /// What a run made of its folder of images.
    struct Inputs {
        var pixels: PixelRecord
        var leftOut: LeftOutRecord
        /// Images that could not be read.
        var skipped: [PreparedPool.SkippedImage]
        /// Logged before the first round.
        var warnings: [String]
    }

    /// `run.json`, and what `--json` prints.
    package struct Summary: Codable, Sendable {
        var version: String
        var configuration: Configuration
        var digests: [String: String]
        var timings: Timings
        var rounds: Int
        var images: Int
        var pixels: PixelRecord
        var leftOut: LeftOutRecord
        var skippedImages: [PreparedPool.SkippedImage]
        var deadChannels: [DeadChannels]
        /// Layers with weights of each type.
        var weightTypes: [String: Int]
        var warnings: [String]
        var mssrBefore: Double
        var mssrAfter: Double
        var rqnsrBefore: Double
        var rqnsrAfter: Double
        /// Loss curve and outcome of fine-tuning, without its layers; those are in the ledger.
        var tuning: TuningSummary?
        var guarding: HeldOutSummary?
        /// Channels scaled and left alone, per convolution.
        var equalization: [Equalization.Layer]?
    }

    /// What `run.json` holds.
    package var summary: Summary {
        let layers = ledger?.layers ?? []
        func mean(_ value: (Ledger.Layer) -> Double) -> Double {
            layers.isEmpty ? 0 : layers.map(value).reduce(0, +) / Double(layers.count)
        }
        var digests = [
            "network": description.network.hex, "images": description.images.hex,
            "job": ((try? description.text()).map { Digest.sha256(of: $0).hex }) ?? "",
        ]
        if let given { digests["quantized"] = given.digest.hex }
        if let biases = job.biases {
            digests["biases"] = Digest.sha256(of: biases.encoded()).hex
        }
        return Summary(
            version: Build.version, configuration: configuration, digests: digests,
            timings: timings,
            rounds: job.progress.rounds, images: description.imageCount, pixels: inputs.pixels,
            leftOut: inputs.leftOut, skippedImages: inputs.skipped,
            deadChannels: job.deadChannels, weightTypes: weightTypes,
            warnings: inputs.warnings + warnings,
            mssrBefore: mean(\.mssrBefore), mssrAfter: mean(\.mssrAfter),
            rqnsrBefore: mean(\.rqnsrBefore), rqnsrAfter: mean(\.rqnsrAfter),
            tuning: ledger?.tuning.map { summary in
                var summary = summary
                summary.layers = []
                return summary
            }, guarding: ledger?.guarding, equalization: ledger?.equalization)
    }

    private var weightTypes: [String: Int] {
        (job.quantized?.parameters ?? []).compactMap { $0?.type.rawValue }
            .reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Of the finished model; those of its inputs have been said.
    package var warnings: [String] { job.warnings(ledger) }

    func write(to out: String) throws {
        try runConcurrently([
            { try writeModel(to: out) }, { try writeLedger(to: out) }, { try writeReport(to: out) },
        ])
        // Last: who finds it takes the rest for complete, and for this job's.
        try AtomicFile.write(try json(summary), to: out + "/run.json")
    }

    private func writeModel(to out: String) throws {
        guard let network = job.result, let quantized = job.quantized else {
            preconditionFailure("results of an unfinished job")
        }
        let biases = BiasState(of: network)
        let (patch, corrected) =
            if let given {
                try BiasPatch.create(of: given.bytes, file: given.path, to: biases)
            } else {
                try BiasPatch.create(
                    encoding: quantized, metadata: inputs.pixels.modelMetadata, to: biases)
            }
        try given?.writeExternalFiles(to: out)
        try AtomicFile.write(corrected, to: out + "/model.int8.onnx")
        try AtomicFile.write(try patch.file().sealed(), to: out + "/bias.patch.safetensors")
        try AtomicFile.write(try biasFile(network).sealed(), to: out + "/bias.safetensors")
    }

    private func writeLedger(to out: String) throws {
        guard let ledger else { preconditionFailure("results of an unfinished job") }
        try AtomicFile.write(try json(ledger, isPretty: false), to: out + "/ledger.json")
    }

    private func writeReport(to out: String) throws {
        guard let ledger else { preconditionFailure("results of an unfinished job") }
        try AtomicFile.write(try json(timeline, isPretty: false), to: out + "/timeline.json")
        let data = ReportData(
            ledger: ledger, run: ReportData.Run(summary), timeline: timeline)
        try AtomicFile.write(ReportPage(data).html, to: out + "/report.html")
    }

    private func biasFile(_ network: QuantizedNetwork) throws -> SafetensorsFile {
        var file = SafetensorsFile(metadata: [
            "job": Digest.sha256(of: try description.text()).hex, "version": Build.version,
        ])
        for node in network.graph.convolutions {
            guard let bias = network.parameters[node]?.bias else { continue }
            try file.add(network.graph.nodes[node].name, bias)
        }
        return file
    }

    /// The ledger has a number per channel and column: indented, most of it would be white space.
    private func json(_ value: some Encodable, isPretty: Bool = true) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    /// What `calibrate` prints.
    package var table: String {
        let layers = ledger?.layers ?? []
        var table = TextTable(
            header: [
                "layer", "kind", "channels", "dead", "shift/signal", "→ after", "noise/signal",
                "→ after",
            ],
            leftColumns: [0, 1])
        func percent(_ value: Double) -> String { (100 * value).formatted(decimals: 2) + " %" }
        for layer in layers {
            table.rows.append([
                layer.name, layer.kind, "\(layer.channels)",
                layer.deadChannels.isEmpty ? "" : "\(layer.deadChannels.count)",
                percent(layer.mssrBefore), percent(layer.mssrAfter), percent(layer.rqnsrBefore),
                percent(layer.rqnsrAfter),
            ])
        }
        let out = configuration.out ?? ""
        let tuning = ledger?.tuning.map { $0.sentence + "\n" } ?? ""
        let equalized = ledger?.equalization.map { $0.sentence + "\n" } ?? ""
        let guarded = ledger?.guarding.map { $0.sentence + "\n" } ?? ""
        let dead = job.deadChannels.reduce(0) { $0 + $1.channels.count }
        let types = weightTypes.sorted { $0.key < $1.key }
            .map { "\($0.key) in \($0.value) layers" }.joined(separator: ", ")
        return table.text + "\n\n" + """
            \(description.imageCount) images, \(job.progress.rounds) rounds, \
            \(timings.total.formatted(decimals: 2)) s; \(dead) dead channels removed
            weights: \(types)
            \(equalized)\(tuning)\(guarded)\(out)/model.int8.onnx
            \(out)/report.html
            """
    }
}

extension [Equalization.Layer] {
    /// For the table; each layer stands in the ledger.
    fileprivate var sentence: String {
        let scaled = reduce(0) { $0 + $1.scaledChannels }
        let layers = count { $0.scaledChannels > 0 }
        let absorbed = reduce(0) { $0 + $1.absorbedChannels }
        let kept = compactMap { $0.reason }.count
        return "equalization: \(scaled) channels scaled in \(layers) of \(count) layers, "
            + "\(absorbed) biases absorbed; channels of \(kept) layers left alone (reasons in run.json)"
    }
}

extension HeldOutSummary {
    fileprivate var sentence: String {
        func text(_ loss: Double?) -> String { loss?.significant ?? "no number" }
        let rejected = rejectedLayers.count + (rejectsTuning ? 1 : 0)
        return "guard: loss \(text(lossBefore)) → \(text(lossAfter)) on \(images) held-out images; "
            + (rejected == 0 ? "nothing taken back" : "\(rejected) corrections taken back")
    }
}

extension TuningSummary {
    /// For the table; the outcome in full stands in the ledger.
    fileprivate var sentence: String {
        let images =
            validationImages > 0 ? "\(validationImages) held-out images" : "its \(images) images"
        guard bestEpoch > 0 else { return "fine-tuning \(outcome)" }
        return "fine-tuning: loss \(startLoss.significant) → \(bestLoss.significant) on \(images), "
            + "best after epoch \(bestEpoch) of \(validationLosses.count - 1)"
    }
}
