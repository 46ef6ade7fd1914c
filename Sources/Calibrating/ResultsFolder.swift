// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobInputs
import Storage

/// The folder of a job's results, locked: a second coordinator learns it before it reads anything.
struct ResultsFolder {
    let path: String
    /// What was made here, outermost first.
    private let made: [String]
    private let lock: DirectoryLock
    private let madeLock: Bool

    var checkpoints: String { path + "/checkpoint" }

    /// Makes what is missing and takes the lock.
    /// - Throws: ``RunError`` where the folder cannot be made; `StorageError` where another
    ///   process holds it.
    init(_ path: String) throws {
        self.path = path
        let fileManager = FileManager.default
        var missing: [String] = []
        var place = URL(fileURLWithPath: path + "/checkpoint")
        var isFolder: ObjCBool = true
        while !fileManager.fileExists(atPath: place.path, isDirectory: &isFolder), place.path != "/"
        {
            missing.insert(place.path, at: 0)
            place.deleteLastPathComponent()
        }
        guard isFolder.boolValue else {
            throw RunError(
                .output, "\(place.path) is a file; --out names a folder for the results")
        }
        made = missing
        do {
            try fileManager.createDirectory(
                atPath: path + "/checkpoint", withIntermediateDirectories: true)
        } catch {
            throw RunError(
                .output,
                "\(path): the results' folder cannot be made: \(error.localizedDescription)")
        }
        madeLock = !fileManager.fileExists(atPath: path + "/.lock")
        lock = try DirectoryLock(directory: path)
    }

    /// Takes back what was made if the job has left nothing in it: a refused job leaves no trace.
    func leave() {
        guard let innermost = made.last, rmdir(innermost) == 0 else { return }
        if madeLock { unlink(lock.path) }
        for folder in made.dropLast().reversed() { rmdir(folder) }
    }
}
