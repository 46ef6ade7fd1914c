// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why state could not be written to disk or read from it.
package struct StorageError: Error, Equatable, Sendable {
    /// What was being done to the path.
    package enum Operation: String, Sendable {
        case create, open, write, synchronize, close, rename, read, remove, list, lock
        case createDirectory = "create directory"
        case synchronizeDirectory = "synchronize directory"
    }

    /// What went wrong, and with what numbers.
    package enum Code: Equatable, Sendable {
        /// The operating system refused; `errno` says why.
        case system(Operation, errno: Int32)
        /// A device, pipe or directory stands where a file was expected.
        case notRegularFile
        /// What stands in the place of the lock is a link, or has other names.
        case foreignLock
        /// The file is longer than its reader takes.
        case tooLarge(bytes: Int, limit: Int)
        /// Another process holds the directory's lock.
        case locked(by: LockHolder?)
        /// Checkpoints exist, but not one of them is intact.
        case noIntactCheckpoint([DamagedCheckpoint])
        /// A file carries the largest generation number, so none can follow it.
        case generationsExhausted
    }

    /// For callers that act on it; the description is for people.
    package let code: Code
    /// Of the file or directory, as given.
    package let path: String

    /// Of that code, at that path.
    package init(_ code: Code, path: String) {
        self.code = code
        self.path = path
    }

    /// Whether space or quota ran out.
    package var isDiskFull: Bool {
        guard case .system(_, let number) = code else { return false }
        return number == ENOSPC || number == EDQUOT
    }

    /// Whether the path does not exist.
    package var isNotFound: Bool {
        guard case .system(_, let number) = code else { return false }
        return number == ENOENT
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String { "\(path): \(reason)" }

    /// The description without the path.
    package var reason: String {
        switch code {
        case .system(let operation, let number):
            "cannot \(operation.rawValue): \(systemErrorText(number))\(advice)"
        case .notRegularFile: "not a regular file"
        case .foreignLock:
            "a link, or a file with other names, stands where the lock belongs; look at who put it there, remove it "
                + "and start again"
        case .tooLarge(let bytes, let limit): "\(bytes) bytes exceed the limit of \(limit)"
        case .locked(let holder):
            "in use by \(holder?.description ?? "another process"); "
                + "stop it or choose another output directory"
        case .noIntactCheckpoint(let damaged):
            "no checkpoint is intact: "
                + damaged.map(\.description).joined(separator: "; ")
                + "; start again without --resume, or restore one of these files"
        case .generationsExhausted:
            "generation numbers are used up; move the checkpoints elsewhere"
        }
    }

    private var advice: String {
        isDiskFull ? "; free space and try again, earlier content is intact" : ""
    }
}

/// The system's text for an error number, with the number.
func systemErrorText(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "errno \(number)" }
    return "\(String(cString: text)) (errno \(number))"
}
