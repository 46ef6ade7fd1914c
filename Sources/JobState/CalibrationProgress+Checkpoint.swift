// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Quantization
package import Storage

/// A checkpoint of another job, or one whose content makes no sense.
package struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case otherJob(found: String, expected: String)
        case otherFormat(found: String, expected: Int)
        case field(String)
    }

    package var code: Code
    /// The checkpoint's, where it is known.
    package var path: String?

    package init(_ code: Code) { self.code = code }

    func of(_ path: String) -> CheckpointError {
        var error = self
        error.path = path
        return error
    }

    /// Whether another release could read it.
    package var isOtherFormat: Bool {
        if case .otherFormat = code { true } else { false }
    }

    package var description: String { (path.map { $0 + ": " } ?? "") + reason }

    private var reason: String {
        switch code {
        case .otherJob(let found, let expected):
            "the checkpoint belongs to another job (\(found.prefix(12)), this one is "
                + "\(expected.prefix(12)))"
        case .otherFormat(let found, let expected):
            "the checkpoint has format \(found), and this release reads format \(expected): use the "
                + "release that wrote it, or remove the folder of checkpoints to start over"
        case .field(let name): "the checkpoint's '\(name)' is missing or makes no sense"
        }
    }
}

/// A job's state between two rounds, as the checkpoint file and the statistics file beside it hold
/// it.
package struct JobCheckpoint: Hashable, Sendable {
    package var job: Digest
    /// Incarnation of the coordinator that wrote it.
    package var epoch: UInt64
    package var progress: CalibrationJob.Progress
    /// Resolved configuration that decides the bits, to name differences.
    package var configuration: String
    /// Rounds the job takes at most, for reports; nil in checkpoints that do not say.
    package var roundLimit: Int?

    /// Counts up whenever a release would misread another's checkpoint. One that names none has
    /// format 1; in format 2, the statistics of an equalized job are those of the network as given.
    /// Format 3 has a network of several inputs and outputs in its name.
    package static let format = 3

    package init(
        job: Digest, epoch: UInt64, progress: CalibrationJob.Progress, configuration: String,
        roundLimit: Int? = nil
    ) {
        self.job = job
        self.epoch = epoch
        self.progress = progress
        self.configuration = configuration
        self.roundLimit = roundLimit
    }
}

extension JobCheckpoint {
    package func file() throws -> SafetensorsFile {
        var file = SafetensorsFile(metadata: [
            "format": String(Self.format), "job": job.hex, "epoch": String(epoch),
            "round": String(progress.rounds), "stage": progress.stage.text,
            "configuration": configuration,
        ])
        if let roundLimit { file.metadata["rounds.limit"] = String(roundLimit) }
        for (layer, biases) in (progress.biases?.layers ?? []).enumerated() {
            try file.add("bias.\(layer)", biases)
        }
        if progress.biases != nil {
            try file.add("corrections", [Int64(progress.corrections.count)])
        }
        for (layer, correction) in progress.corrections.enumerated() {
            if !correction.residual.isEmpty {
                try file.add("correction.\(layer).residual", correction.residual)
            }
            if !correction.overflowing.isEmpty {
                try file.add(
                    "correction.\(layer).overflowing", correction.overflowing.map(Int64.init))
            }
        }
        if let tuning = progress.tuning { try file.add(tuning) }
        if let guarding = progress.guarding { try file.add(guarding) }
        if let errors = progress.errors {
            try file.add("errors.images", [Int64(errors.images)])
            try file.add("errors.initial", errors.initial)
            try file.add("errors.initial-squares", errors.initialSquares)
            try file.add("errors.corrected", errors.corrected)
            try file.add("errors.corrected-squares", errors.correctedSquares)
        }
        return file
    }

    /// Statistics and teacher logits, which never change after their rounds: kept beside the
    /// checkpoints, written after those rounds.
    package func statisticsFile() throws -> SafetensorsFile? {
        guard let statistics = progress.statistics else { return nil }
        var file = SafetensorsFile(metadata: ["job": job.hex])
        try file.add(statistics, as: "statistics")
        if let measured = progress.measuredStatistics { try file.add(measured, as: "measured") }
        if let ranges = progress.ranges {
            try file.add("ranges", ranges.flatMap { [$0.lower, $0.upper] })
        }
        if let teacher = progress.guarding?.teacher, !teacher.isEmpty {
            try file.add("guard.logits", teacher)
        }
        if !progress.teacher.isEmpty { try file.add("teacher.logits", progress.teacher) }
        return file
    }

    /// - Parameters:
    ///   - file: content of the checkpoint.
    ///   - statistics: content of the statistics file; needed once their round is done.
    /// - Throws: ``CheckpointError`` or `SafetensorsError`, naming the field.
    package init(_ file: SafetensorsFile, statistics: SafetensorsFile?) throws {
        try Self.checkFormat(of: file)
        guard let job = Digest(hex: file.metadata["job"] ?? "") else { throw Self.missing("job") }
        guard let epoch = UInt64(file.metadata["epoch"] ?? "") else { throw Self.missing("epoch") }
        guard let rounds = Int(file.metadata["round"] ?? ""), rounds >= 0 else {
            throw Self.missing("round")
        }
        guard let stage = CalibrationJob.Progress.Stage(text: file.metadata["stage"] ?? "") else {
            throw Self.missing("stage")
        }
        var progress = CalibrationJob.Progress()
        progress.rounds = rounds
        progress.stage = stage
        if stage != .statistics {
            guard let statistics, statistics.metadata["job"] == job.hex else {
                throw Self.missing("statistics")
            }
            // The file may be newer than the checkpoint.
            progress.statistics = try statistics.statistics("statistics")
            progress.measuredStatistics = try statistics.statistics("measured")
            if stage != .ranging { progress.ranges = try statistics.ranges() }
        }
        let isQuantized = stage != .statistics && stage != .ranging
        var layers: [[Int32]] = []
        while file["bias.\(layers.count)"] != nil {
            layers.append(try file.int32s("bias.\(layers.count)"))
        }
        progress.biases = layers.isEmpty ? nil : BiasState(layers: layers)
        if isQuantized {
            let count = Int(try file.int64s("corrections", shape: [1])[0])
            guard (0...layers.count).contains(count) else { throw Self.missing("corrections") }
            progress.corrections = try (0..<count).map(file.correction(layer:))
        }
        progress.tuning = try file.tuning()
        if let phase = progress.tuning?.phase, phase != .teacher,
            let statistics, statistics["teacher.logits"] != nil
        {
            progress.teacher = try statistics.floats("teacher.logits")
        }
        progress.guarding = try file.guarding()
        if stage != .guarding(.teacher), progress.guarding != nil, let statistics,
            statistics["guard.logits"] != nil
        {
            progress.guarding?.teacher = try statistics.floats("guard.logits")
        }
        if file["errors.images"] != nil {
            progress.errors = ErrorSums(
                images: Int(try file.int64s("errors.images", shape: [1])[0]),
                initial: try file.doubles("errors.initial"),
                initialSquares: try file.doubles("errors.initial-squares"),
                corrected: try file.doubles("errors.corrected"),
                correctedSquares: try file.doubles("errors.corrected-squares"))
        }
        if case .correcting(let layer) = stage {
            guard progress.corrections.count == layer else {
                throw Self.missing("stage")
            }
        }
        if isQuantized && progress.biases == nil {
            throw Self.missing("statistics")
        }
        self.init(
            job: job, epoch: epoch, progress: progress,
            configuration: file.metadata["configuration"] ?? "",
            roundLimit: file.metadata["rounds.limit"].flatMap(Int.init))
    }

    private static func checkFormat(of file: SafetensorsFile) throws {
        let found = file.metadata["format"] ?? "1"
        guard found == String(format) else {
            throw CheckpointError(.otherFormat(found: found, expected: format))
        }
    }

    private static func missing(_ field: String) -> CheckpointError {
        CheckpointError(.field(field))
    }
}

extension SafetensorsFile {
    fileprivate func correction(layer: Int) throws -> LayerCorrection {
        let (residual, overflowing) = (
            "correction.\(layer).residual", "correction.\(layer).overflowing"
        )
        return LayerCorrection(
            residual: self[residual] == nil ? [] : try doubles(residual),
            overflowing: self[overflowing] == nil ? [] : try int64s(overflowing).map(Int.init))
    }

    fileprivate mutating func add(_ statistics: NetworkStatistics, as name: String) throws {
        try add("\(name).images", [Int64(statistics.sumImages)])
        try add("\(name).sums-before", statistics.sumsBefore)
        try add("\(name).sums-after", statistics.sumsAfter)
        try add("\(name).squares-after", statistics.squaresAfter)
        try add("\(name).lower", statistics.lower)
        try add("\(name).upper", statistics.upper)
        try add("\(name).input", statistics.inputs.map(\.lower) + statistics.inputs.map(\.upper))
    }

    fileprivate func statistics(_ name: String) throws -> NetworkStatistics {
        let before = try doubles("\(name).sums-before")
        let shape = [before.count]
        return NetworkStatistics(
            sumImages: Int(try int64s("\(name).images", shape: [1])[0]), sumsBefore: before,
            sumsAfter: try doubles("\(name).sums-after", shape: shape),
            squaresAfter: try doubles("\(name).squares-after", shape: shape),
            lower: try floats("\(name).lower", shape: shape),
            upper: try floats("\(name).upper", shape: shape),
            inputs: ActivationRange.ranges(try floats("\(name).input")))
    }

    fileprivate func ranges() throws -> [ActivationRange]? {
        guard self["ranges"] != nil else { return nil }
        let edges = try floats("ranges")
        guard edges.count % 2 == 0, edges.allSatisfy(\.isFinite) else {
            throw CheckpointError(.field("ranges"))
        }
        return stride(from: 0, to: edges.count, by: 2).map {
            ActivationRange(lower: edges[$0], upper: edges[$0 + 1])
        }
    }
}

extension CalibrationJob.Progress.Stage {
    fileprivate var text: String {
        switch self {
        case .statistics: "statistics"
        case .ranging: "ranging"
        case .guarding(.teacher): "guarding teacher"
        case .guarding(.start): "guarding start"
        case .guarding(.layer(let layer)): "guarding \(layer)"
        case .guarding(.tuning): "guarding tuning"
        case .correcting(let layer): "correcting \(layer)"
        case .tuning: "tuning"
        case .measuring: "measuring"
        case .finished: "finished"
        }
    }

    fileprivate init?(text: String) {
        switch text {
        case "statistics": self = .statistics
        case "ranging": self = .ranging
        case "guarding teacher": self = .guarding(.teacher)
        case "guarding start": self = .guarding(.start)
        case "guarding tuning": self = .guarding(.tuning)
        case "tuning": self = .tuning
        case "measuring": self = .measuring
        case "finished": self = .finished
        default:
            let words = text.split(separator: " ")
            guard words.count == 2, let layer = Int(words[1]) else { return nil }
            switch words[0] {
            case "correcting": self = .correcting(layer: layer)
            case "guarding": self = .guarding(.layer(layer))
            default: return nil
            }
        }
    }
}
