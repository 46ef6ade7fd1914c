// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The files a coordinator and its workers need to trust each other.
package enum KeySet {
    /// Makes two key pairs under `directory` (created with mode 0700 if absent): `coordinator.key`,
    /// `coordinator.pub`, `worker.key`, `worker.pub` and `allowed/worker.pub`, the first entry of
    /// the allow-list. If any of them exists, nothing is written.
    /// - Returns: the files written, in that order.
    /// - Throws: `.fileExists`, `.fileWriteFailed`, `.keyFailed`.
    @discardableResult
    package static func create(in directory: String) throws(ZeroMQError) -> [String] {
        let names = [
            "coordinator.key", "coordinator.pub", "worker.key", "worker.pub", "allowed/worker.pub",
        ]
        let paths = names.map { directory + "/" + $0 }
        for path in paths where SmallFile.exists(path) {
            throw ZeroMQError(.fileExists, file: path)
        }
        let coordinator = try CurveKeyPair.generate()
        let worker = try CurveKeyPair.generate()
        try makeDirectory(directory)
        try makeDirectory(directory + "/allowed")
        var written: [String] = []
        do {
            try KeyFile.writeSecret(coordinator, to: paths[0])
            written.append(paths[0])
            try KeyFile.writePublic(coordinator.publicKey, to: paths[1])
            written.append(paths[1])
            try KeyFile.writeSecret(worker, to: paths[2])
            written.append(paths[2])
            for path in paths[3...] {
                try KeyFile.writePublic(worker.publicKey, to: path)
                written.append(path)
            }
        } catch {
            // Half a set would stand in the way of the next attempt.
            for path in written { unlink(path) }
            throw error
        }
        return written
    }

    private static func makeDirectory(_ path: String) throws(ZeroMQError) {
        if mkdir(path, 0o700) == 0 { return }
        let number = errno
        var status = stat()
        guard number == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ZeroMQError(.fileWriteFailed, file: path, errorNumber: number)
        }
    }
}
