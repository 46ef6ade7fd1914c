// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Storage

/// A disk that keeps only what was synchronized, and can crash or fail at any step.
///
/// File content that was not synchronized is torn at a crash: any prefix, or full length with holes
/// of zeros. Each change of a directory that was not synchronized is kept or lost on its own, which
/// is less orderly than real file systems are.
///
/// Unchecked because tests use it from one task at a time.
package final class SimulatedFileSystem: FileSystem, @unchecked Sendable {
    fileprivate struct Content {
        var visible: [UInt8] = []
        var durable: [UInt8] = []
    }

    /// A change of directory entries that is applied as a whole.
    private struct Change {
        var parent: String
        /// Path and what it names from then on; nil: nothing.
        var entries: [(path: String, inode: Int?)] = []
        var directory: String?
    }

    private var inodes: [Int: Content] = [:]
    private var visible: [String: Int] = [:]
    private var durable: [String: Int] = [:]
    private var directories: Set<String> = ["."]
    private var durableDirectories: Set<String> = ["."]
    private var pending: [Change] = []
    private var nextInode = 0
    private var openFiles: Set<Int> = []
    private var random: SeededGenerator

    /// What happens when `stepsUntilFault` reaches zero.
    package enum Fault {
        /// Nothing works any more.
        case crash
        /// This step fails with an error number, later ones work.
        case error(Int32)
    }

    package var fault: Fault = .crash
    /// Steps that still succeed; nil for all.
    package var stepsUntilFault: Int?
    package private(set) var hasCrashed = false
    package private(set) var lastOperation: StorageError.Operation?
    /// Synchronization reports success and does nothing: the control experiment.
    package var liesAboutSynchronization = false

    package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    package var faultHappened: Bool { stepsUntilFault == -1 || hasCrashed }
    package var paths: [String] { visible.keys.sorted() }
    package var openFileCount: Int { openFiles.count }

    private func step(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        lastOperation = operation
        if hasCrashed { throw StorageError(.system(operation, errno: EIO), path: path) }
        guard let steps = stepsUntilFault, steps >= 0 else { return }
        stepsUntilFault = steps - 1
        guard steps == 0 else { return }
        switch fault {
        case .crash:
            hasCrashed = true
            throw StorageError(.system(operation, errno: EIO), path: path)
        case .error(let number):
            throw StorageError(.system(operation, errno: number), path: path)
        }
    }

    /// Power comes back: only what was durable, and some of what was not, is left.
    package func restart() {
        for change in pending where Bool.random(using: &random) {
            for (path, inode) in change.entries { durable[path] = inode }
            if let directory = change.directory { durableDirectories.insert(directory) }
        }
        pending = []
        directories = durableDirectories
        durable = durable.filter { directories.contains(parent($0.key)) }
        visible = durable
        for inode in inodes.keys.sorted() { inodes[inode]?.tear(&random) }
        openFiles = []
        hasCrashed = false
        stepsUntilFault = nil
    }

    /// Damage that no step causes.
    package func edit(_ path: String, _ body: (inout [UInt8]) -> Void) {
        guard let inode = visible[path], var content = inodes[inode] else { return }
        body(&content.visible)
        content.durable = content.visible
        inodes[inode] = content
    }

    // MARK: FileSystem

    package func create(_ path: String, permissions: UInt32) throws(StorageError) -> OpenFile {
        try step(.create, path)
        guard directories.contains(parent(path)) else {
            throw StorageError(.system(.create, errno: ENOENT), path: path)
        }
        guard visible[path] == nil else {
            throw StorageError(.system(.create, errno: EEXIST), path: path)
        }
        nextInode += 1
        inodes[nextInode] = Content()
        openFiles.insert(nextInode)
        apply(Change(parent: parent(path), entries: [(path, nextInode)]))
        return OpenFile(descriptor: Int32(nextInode))
    }

    package func write(
        _ bytes: UnsafeRawBufferPointer, to file: OpenFile, path: String
    ) throws(StorageError) -> Int {
        try step(.write, path)
        let count = Int.random(in: min(40, bytes.count)...min(400, bytes.count), using: &random)
        inodes[Int(file.descriptor)]?.visible.append(contentsOf: bytes.prefix(count))
        return count
    }

    package func synchronize(_ file: OpenFile, path: String) throws(StorageError) {
        try step(.synchronize, path)
        if liesAboutSynchronization { return }
        inodes[Int(file.descriptor)]?.synchronize()
    }

    package func close(_ file: OpenFile, path: String) throws(StorageError) {
        openFiles.remove(Int(file.descriptor))
        try step(.close, path)
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        try step(.rename, path)
        guard let inode = visible[path] else {
            throw StorageError(.system(.rename, errno: ENOENT), path: path)
        }
        apply(Change(parent: parent(target), entries: [(path, nil), (target, inode)]))
    }

    package func synchronizeDirectory(_ path: String) throws(StorageError) {
        try step(.synchronizeDirectory, path)
        if liesAboutSynchronization { return }
        for change in pending where change.parent == path {
            for (path, inode) in change.entries { durable[path] = inode }
            if let directory = change.directory { durableDirectories.insert(directory) }
        }
        pending.removeAll { $0.parent == path }
    }

    package func read(_ path: String, limit: Int) throws(StorageError) -> [UInt8] {
        try step(.read, path)
        guard let inode = visible[path], let content = inodes[inode] else {
            throw StorageError(.system(.read, errno: ENOENT), path: path)
        }
        return content.visible
    }

    package func remove(_ path: String) throws(StorageError) {
        try step(.remove, path)
        guard visible[path] != nil else {
            throw StorageError(.system(.remove, errno: ENOENT), path: path)
        }
        apply(Change(parent: parent(path), entries: [(path, nil)]))
    }

    package func list(_ path: String) throws(StorageError) -> [String] {
        try step(.list, path)
        guard directories.contains(path) else {
            throw StorageError(.system(.list, errno: ENOENT), path: path)
        }
        return visible.keys.filter { parent($0) == path }
            .map { String($0.dropFirst(path.count + 1)) }
    }

    package func createDirectory(_ path: String) throws(StorageError) -> Bool {
        try step(.createDirectory, path)
        guard directories.contains(parent(path)) else {
            throw StorageError(.system(.createDirectory, errno: ENOENT), path: path)
        }
        guard directories.insert(path).inserted else { return false }
        pending.append(Change(parent: parent(path), directory: path))
        return true
    }

    private func apply(_ change: Change) {
        for (path, inode) in change.entries { visible[path] = inode }
        pending.append(change)
    }

    private func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

extension SimulatedFileSystem.Content {
    mutating func synchronize() { durable = visible }

    /// Keeps synchronized bytes and something of the others.
    mutating func tear(_ random: inout SeededGenerator) {
        if visible.count > durable.count {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: visible = durable
            case 1:
                let kept = Int.random(in: durable.count...visible.count, using: &random)
                visible.removeSubrange(kept...)
            case 2:
                let hole = Int.random(in: durable.count..<visible.count, using: &random)
                for index in hole..<visible.count { visible[index] = 0 }
            default: break
            }
        }
        durable = visible
    }
}
