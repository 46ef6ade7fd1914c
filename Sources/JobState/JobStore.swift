// SPDX-License-Identifier: Apache-2.0

import Calibration
package import Storage

/// A job's state on disk: checkpoints, and beside them what never changes once it is known
/// (statistics, teacher logits), which is durable before the first checkpoint that needs it.
package struct JobStore: Sendable {
    /// What the disk knows of a job.
    package struct Loaded: Sendable {
        /// The newest state that can be used.
        package var checkpoint: JobCheckpoint
        /// Where it lies.
        package var file: LoadedCheckpoint
        /// Why the statistics file is of no use. The checkpoint then stands in front of the first
        /// round: running the job again gives the same bits.
        package var statisticsProblem: String?
    }

    /// Name of the file beside the checkpoints.
    private static let statisticsName = "statistics.safetensors"

    private var checkpoints: CheckpointStore
    private let fileSystem: any FileSystem
    /// How many fields of what lasts are in the file beside the checkpoints: each comes once, and
    /// stays.
    private var written = 0

    /// Names the directory; nothing is read or created before `load` or `save`.
    package init(directory: String, fileSystem: any FileSystem = POSIXFileSystem()) {
        checkpoints = CheckpointStore(directory: directory, fileSystem: fileSystem)
        self.fileSystem = fileSystem
    }

    /// Of the checkpoints and of the file beside them.
    package var directory: String { checkpoints.directory }
    /// Of the file beside the checkpoints, whether it is there or not.
    package var statisticsPath: String { directory + "/" + Self.statisticsName }

    /// Reads the newest intact state; nil if there is none.
    /// - Throws: `StorageError` if all checkpoints are damaged, ``CheckpointError`` naming the file
    ///   if it is of another format or makes no sense.
    package mutating func load() throws -> Loaded? {
        guard let file = try checkpoints.load() else { return nil }
        var loaded: Loaded
        do {
            loaded = Loaded(
                checkpoint: try JobCheckpoint(file.content, statistics: try statistics()),
                file: file)
        } catch let error as CheckpointError where error.isOtherFormat {
            throw error.of(file.path)
        } catch {
            do {
                loaded = Loaded(
                    checkpoint: try JobCheckpoint(restarting: file.content), file: file,
                    statisticsProblem: "\(error)")
            } catch let error as CheckpointError {
                throw error.of(file.path)
            }
        }
        written = loaded.checkpoint.lastingCount
        return loaded
    }

    /// Whether the newest state, of whatever format, is that of a finished job.
    package mutating func isFinished() throws -> Bool {
        try checkpoints.load()?.content.metadata["stage"] == "finished"
    }

    /// Nil if there are none.
    private func statistics() throws -> SafetensorsFile? {
        do {
            return try SafetensorsFile(
                sealed: fileSystem.read(statisticsPath, limit: CheckpointStore.maximumBytes),
                file: statisticsPath)
        } catch let error as StorageError where error.isNotFound {
            return nil
        }
    }

    /// Makes a job's state durable: when this returns, it survives a power failure.
    /// - Throws: `StorageError`; the state saved before is intact.
    package mutating func save(_ checkpoint: JobCheckpoint) throws {
        let lasting = checkpoint.lastingCount
        // A job that starts over has other statistics to come.
        if lasting == 0 { written = 0 }
        if lasting > written, let file = try checkpoint.statisticsFile() {
            try AtomicFile.write(file.sealed(), to: statisticsPath, fileSystem: fileSystem)
            written = lasting
        }
        try checkpoints.save(try checkpoint.file())
    }
}

extension JobCheckpoint {
    fileprivate var lastingCount: Int { progress.fields.lasting.names.count }
}
