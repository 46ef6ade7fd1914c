// SPDX-License-Identifier: Apache-2.0

/// Generations of one state in a directory: the newest, and the one before it as a fallback.
///
/// A checkpoint is a sealed safetensors file `checkpoint-00000042.safetensors`; the number is the
/// generation and only grows. Each is complete and durable before an older one is removed, and
/// only files known to be intact are ever removed: damaged ones stay for examination, and do not
/// count as a fallback. One process at a time may save (`DirectoryLock`).
package struct CheckpointStore: Sendable {
    /// Where the files lie, as given.
    package let directory: String
    /// Intact checkpoints kept.
    package static let generationsKept = 2
    /// Largest file that is read, in bytes.
    package static let maximumBytes = 1 << 30

    private let fileSystem: any FileSystem
    /// Generations in the directory that were read back or written durably; nil before the first
    /// look.
    private var intact: Set<Int>?
    /// Largest generation seen, whatever its state; 0 if there is none.
    private var newest = 0
    /// Whether the directory is there for certain, and will be after a power failure.
    private var isDirectoryDurable = false

    /// Names the directory; nothing is read or created before `load` or `save`.
    package init(directory: String, fileSystem: any FileSystem = POSIXFileSystem()) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    /// Reads all checkpoints and returns the newest intact one; nil if there are no checkpoints.
    /// - Throws: `StorageError`, code `noIntactCheckpoint` naming every file if all are damaged.
    package mutating func load() throws(StorageError) -> LoadedCheckpoint? {
        var found: (generation: Int, content: SafetensorsFile)?
        var damaged: [DamagedCheckpoint] = []
        var readable: Set<Int> = []
        let generations = try generations()
        for generation in generations {
            switch read(generation) {
            // Removed since it was listed: a process at work has a newer one.
            case nil: continue
            case .success(let content):
                readable.insert(generation)
                if found == nil { found = (generation, content) }
            case .failure(let item): damaged.append(item.checkpoint)
            }
        }
        intact = readable
        newest = generations.first ?? 0
        guard let found else {
            if damaged.isEmpty { return nil }
            throw StorageError(.noIntactCheckpoint(damaged), path: directory)
        }
        return LoadedCheckpoint(
            generation: found.generation, path: path(of: found.generation),
            content: found.content, damaged: damaged)
    }

    /// Writes the next generation; when this returns, it survives a power failure.
    /// - Returns: its number.
    /// - Throws: `StorageError`. The checkpoints from before are intact; if the failing step was
    ///   `synchronizeDirectory`, the new one may exist too.
    @discardableResult
    package mutating func save(_ content: SafetensorsFile) throws(StorageError) -> Int {
        // Also after a look that found none: it is no error to look before the first save.
        if !isDirectoryDurable { try fileSystem.createDirectories(directory) }
        isDirectoryDurable = true
        var known = try knownIntact()
        let (generation, overflow) = newest.addingReportingOverflow(1)
        guard !overflow else { throw StorageError(.generationsExhausted, path: directory) }
        // Taken even if the write fails: its file may exist all the same.
        newest = generation
        try AtomicFile.write(
            content.sealed(), to: path(of: generation), durable: true, fileSystem: fileSystem)
        known.insert(generation)
        for old in known.sorted(by: >).dropFirst(Self.generationsKept) {
            // The state is safe already. A file that cannot be removed now is tried again later.
            do throws(StorageError) {
                try fileSystem.remove(path(of: old))
                known.remove(old)
            } catch {
                if error.isNotFound { known.remove(old) }
            }
        }
        intact = known
        return generation
    }

    /// The path of a generation's file.
    package func path(of generation: Int) -> String {
        let digits = String(generation)
        let zeros = String(repeating: "0", count: max(0, 8 - digits.count))
        return joinedPath(directory, Self.prefix + zeros + digits + Self.suffix)
    }

    private static let prefix = "checkpoint-"
    private static let suffix = ".safetensors"

    /// What the directory holds, looking first if nobody has.
    private mutating func knownIntact() throws(StorageError) -> Set<Int> {
        if let intact { return intact }
        do throws(StorageError) {
            _ = try load()
        } catch {
            // Damaged checkpoints stay where they are and do not keep a new one from being written.
            guard case .noIntactCheckpoint = error.code else { throw error }
        }
        return intact ?? []
    }

    /// Generations present, newest first; none if the directory does not exist.
    private func generations() throws(StorageError) -> [Int] {
        do throws(StorageError) {
            return try fileSystem.list(directory).compactMap(Self.generation).sorted(by: >)
        } catch {
            guard error.isNotFound else { throw error }
            return []
        }
    }

    private static func generation(ofName name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
        // One name per number: zeros only to fill eight digits.
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }),
            digits.count == 8 || digits.count > 8 && digits.first != "0"
        else { return nil }
        return Int(digits)
    }

    private struct Damage: Error { let checkpoint: DamagedCheckpoint }

    /// Nil if there is no such file.
    private func read(_ generation: Int) -> Result<SafetensorsFile, Damage>? {
        let path = path(of: generation)
        let reason: String
        do throws(StorageError) {
            let bytes = try fileSystem.read(path, limit: Self.maximumBytes)
            do throws(SafetensorsError) {
                return .success(try SafetensorsFile(sealed: bytes))
            } catch {
                reason = error.description
            }
        } catch {
            if error.isNotFound { return nil }
            reason = error.reason
        }
        return .failure(
            Damage(
                checkpoint: DamagedCheckpoint(
                    generation: generation, path: path, reason: reason)))
    }
}
