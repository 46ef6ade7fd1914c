// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Storage

/// A checkpoint of another job, or one whose content makes no sense.
package struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong; the description says it in a sentence.
    package enum Code: Hashable, Sendable {
        /// Digests in hexadecimal.
        case otherJob(found: String, expected: String)
        /// Written by a release whose checkpoints this one would misread.
        case otherFormat(found: String, expected: Int)
        /// A field is missing or makes no sense.
        case field(String)
    }

    /// For callers that act on it; the description is for people.
    package var code: Code
    /// The checkpoint's, where it is known.
    package var path: String?

    /// Of that code, in a file yet to be named.
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
    /// Names the job; another's state is of no use to it.
    package var job: Digest
    /// Incarnation of the coordinator that wrote it.
    package var epoch: UInt64
    /// Everything the job goes on from.
    package var progress: CalibrationJob.Progress
    /// Resolved configuration that decides the bits, to name differences.
    package var configuration: String
    /// Rounds the job takes at most, for reports; nil in checkpoints that do not say.
    package var roundLimit: Int?

    /// Counts up whenever a release would misread another's checkpoint. One that names none has
    /// format 1; in format 2, the statistics of an equalized job are those of the network as given.
    /// Format 3 has a network of several inputs and outputs in its name, and lists the job's stages
    /// and what of the file beside it is theirs.
    package static let format = 3

    /// Memberwise, unchecked.
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
    /// Content of the checkpoint file, without what ``statisticsFile()`` holds.
    package func file() throws -> SafetensorsFile {
        let fields = progress.fields
        var file = SafetensorsFile(metadata: fields.texts)
        file.metadata["format"] = String(Self.format)
        file.metadata["job"] = job.hex
        file.metadata["epoch"] = String(epoch)
        file.metadata["configuration"] = configuration
        if let roundLimit { file.metadata["rounds.limit"] = String(roundLimit) }
        // The file beside it may be newer.
        file.metadata["beside"] = fields.lasting.names.joined(separator: " ")
        try file.add(fields.changing)
        return file
    }

    /// What never changes once it is there, such as statistics and teacher logits: kept beside the
    /// checkpoints, written after the rounds that give it.
    package func statisticsFile() throws -> SafetensorsFile? {
        let lasting = progress.fields.lasting
        guard !lasting.names.isEmpty else { return nil }
        var file = SafetensorsFile(metadata: ["job": job.hex])
        try file.add(lasting)
        return file
    }

    /// - Parameters:
    ///   - file: content of the checkpoint.
    ///   - statistics: content of the file beside it; needed once the first round is done.
    /// - Throws: ``CheckpointError`` or `SafetensorsError`, naming the field.
    package init(_ file: SafetensorsFile, statistics: SafetensorsFile?) throws {
        try self.init(restarting: file)
        var fields = StageFields()
        fields.texts = file.metadata
        fields.changing = try StageFields.Arrays(file, file.tensors.map(\.name))
        let beside = (file.metadata["beside"] ?? "").split(separator: " ").map(String.init)
        if !beside.isEmpty {
            guard let statistics, statistics.metadata["job"] == job.hex else {
                throw CheckpointError(.field("statistics"))
            }
            fields.lasting = try StageFields.Arrays(statistics, beside)
        }
        do throws(StageFields.Unreadable) {
            progress = try CalibrationJob.Progress(fields)
        } catch {
            throw CheckpointError(.field(error.name))
        }
    }

    /// The job of a checkpoint in front of its first round.
    /// - Throws: ``CheckpointError``, naming the field.
    init(restarting file: SafetensorsFile) throws {
        let format = file.metadata["format"] ?? "1"
        guard format == String(Self.format) else {
            throw CheckpointError(.otherFormat(found: format, expected: Self.format))
        }
        guard let job = Digest(hex: file.metadata["job"] ?? "") else {
            throw CheckpointError(.field("job"))
        }
        guard let epoch = UInt64(file.metadata["epoch"] ?? "") else {
            throw CheckpointError(.field("epoch"))
        }
        self.init(
            job: job, epoch: epoch, progress: .init(),
            configuration: file.metadata["configuration"] ?? "",
            roundLimit: file.metadata["rounds.limit"].flatMap(Int.init))
    }
}

extension SafetensorsFile {
    fileprivate mutating func add(_ arrays: StageFields.Arrays) throws {
        for name in arrays.names {
            switch arrays[name] {
            case .doubles(let values): try add(name, values)
            case .floats(let values): try add(name, values)
            case .int32s(let values): try add(name, values)
            case .int64s(let values): try add(name, values)
            case nil: break
            }
        }
    }
}

extension StageFields.Arrays {
    /// Tensors of a file, which have one axis.
    fileprivate init(_ file: SafetensorsFile, _ names: [String]) throws {
        self.init()
        for name in names {
            guard let tensor = file[name], tensor.shape.count == 1 else {
                throw CheckpointError(.field(name))
            }
            switch tensor.type {
            case .double: self[name] = .doubles(try file.doubles(name))
            case .float: self[name] = .floats(try file.floats(name))
            case .int32: self[name] = .int32s(try file.int32s(name))
            case .int64: self[name] = .int64s(try file.int64s(name))
            case .int16, .int8, .uint8: throw CheckpointError(.field(name))
            }
        }
    }
}
