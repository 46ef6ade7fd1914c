// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Storage

/// What a job was started with, in a file beside its checkpoints: written once per start, for
/// people. Resuming compares digests and needs none of it, but with it a refusal can name files and
/// keys, and `status` the command.
package struct JobRecord: Codable, Hashable, Sendable {
    /// A file and what was in it.
    package struct Image: Codable, Hashable, Sendable {
        /// Path or file name, as given.
        package var name: String
        /// Of the prepared pixels or values.
        package var digest: String

        /// Memberwise; `digest` in hexadecimal.
        package init(name: String, digest: String) {
            self.name = name
            self.digest = digest
        }
    }

    /// Of the job; a record of another one says nothing.
    package var job: String
    /// Release that started it.
    package var version: String
    /// Arguments, the program first, and the folder they are relative to.
    package var command: [String]
    /// Current directory of the program that started the job.
    package var folder: String
    /// Path of the model and digest of the file.
    package var model: Image
    /// The given quantized model's; nil where the model is quantized here.
    package var quantized: Image?
    /// In order.
    package var images: [Image]
    /// All keys of the resolved configuration, with their values.
    package var configuration: [String: String]

    /// Memberwise; the digest is kept in hexadecimal.
    package init(
        job: Digest, version: String, command: [String], folder: String, model: Image,
        quantized: Image? = nil, images: [Image], configuration: [String: String]
    ) {
        self.job = job.hex
        self.version = version
        self.command = command
        self.folder = folder
        self.model = model
        self.quantized = quantized
        self.images = images
        self.configuration = configuration
    }

    /// Name of the file beside the checkpoints.
    package static let fileName = "job.json"
    private static let maximumBytes = 256 << 20

    /// The record in a checkpoint folder; nil if there is none, it is damaged, or it belongs to
    /// another job.
    package static func read(from directory: String, of job: Digest) -> JobRecord? {
        guard
            let bytes = try? POSIXFileSystem().read(
                directory + "/" + fileName, limit: maximumBytes),
            let record = try? JSONDecoder().decode(JobRecord.self, from: Data(bytes)),
            record.job == job.hex
        else { return nil }
        return record
    }

    /// Durably, beside the checkpoints. Throws `StorageError`.
    package func write(to directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(Array(try encoder.encode(self)), to: directory + "/" + Self.fileName)
    }

    /// What to type to go on with the job.
    package var resumeCommand: String {
        var words = command
        if !words.contains("--resume") { words.append("--resume") }
        return "cd \(Self.quoted(folder)) && " + words.map(Self.quoted).joined(separator: " ")
    }

    /// As a shell reads it back.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            byte < 0x80
                && (Character(UnicodeScalar(byte)).isLetter
                    || Character(UnicodeScalar(byte)).isNumber
                    || "-_./=:,@+%".utf8.contains(byte))
        }
        if isPlain, !word.isEmpty { return word }
        return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
