// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// An ``AllowList`` that is read again when its files change. The authenticator's thread asks it at
/// every handshake, the coordinator's thread about once a second.
package final class AllowListWatch: Sendable {
    /// What is in force.
    package struct Reading: Sendable {
        /// The latest content that could be used.
        package fileprivate(set) var keys: AllowedKeys
        /// Counts the changes of `keys`.
        package fileprivate(set) var generation = 1
        /// Why the list could not be taken over as it is now; `keys` are then the earlier ones.
        package fileprivate(set) var fault: ZeroMQError?
    }

    private struct State {
        var reading: Reading
        /// What the files looked like when they were read; nil when that moment was too close to
        /// their last change.
        var stamps: [FileStamp]?
    }

    /// What is watched.
    package let allowList: AllowList
    private let state: Mutex<State>

    /// - Throws: what ``AllowList/load()`` throws: at the start, a list that cannot be used is no
    ///   list.
    package init(_ allowList: AllowList) throws(ZeroMQError) {
        self.allowList = allowList
        let stamps = allowList.stamps()
        state = Mutex(State(reading: Reading(keys: try allowList.load()), stamps: stamps))
    }

    /// Reads the list if its files changed since it was read last.
    ///
    /// A malformed list leaves the earlier one in force, and so does an entry of a directory that
    /// has become unusable. A list that is gone or that anybody may write leaves connected peers
    /// alone as well; whether it admits new ones is up to the caller, who finds the fault here.
    /// - Parameter isForced: reads in any case.
    /// - Returns: what is in force from now on.
    package func refresh(isForced: Bool = false) -> Reading {
        state.withLock { state in
            let stamps = allowList.stamps()
            guard isForced || stamps == nil || stamps != state.stamps else { return state.reading }
            state.stamps = stamps
            do throws(ZeroMQError) {
                let keys = try allowList.load().keeping(state.reading.keys)
                if !keys.hasSameKeys(as: state.reading.keys) { state.reading.generation += 1 }
                state.reading.keys = keys
                state.reading.fault = nil
            } catch {
                state.reading.fault = error
            }
            return state.reading
        }
    }
}

/// What tells that a file was changed or replaced.
private struct FileStamp: Equatable {
    var path: String
    var device: UInt64
    var node: UInt64
    var size: Int64
    var mode: UInt32
    var modified: [Int]
    var changed: [Int]

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        node = UInt64(status.st_ino)
        size = Int64(status.st_size)
        mode = status.st_mode
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}

extension AllowList {
    /// Stamps of the list's files, nil if one of them is missing or so young that another change
    /// might leave the same stamp: file times advance in steps of some milliseconds.
    fileprivate func stamps() -> [FileStamp]? {
        guard let first = FileStamp(path) else { return nil }
        var stamps = [first]
        if first.mode & S_IFMT == S_IFDIR {
            guard let names = try? SmallFile.names(in: path) else { return nil }
            for name in names where Self.isEntry(name) {
                guard let stamp = FileStamp(path + "/" + name) else { return nil }
                stamps.append(stamp)
            }
        }
        let settled = time(nil) - 2
        return stamps.allSatisfy { $0.changed[0] < settled && $0.modified[0] < settled }
            ? stamps : nil
    }
}
