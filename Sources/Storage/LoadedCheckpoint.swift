// SPDX-License-Identifier: Apache-2.0

/// The newest intact checkpoint of a directory.
package struct LoadedCheckpoint: Sendable {
    /// Number of the checkpoint; the next one saved is larger than any seen.
    package let generation: Int
    /// Of its file.
    package let path: String
    /// Decoded and checked against its digest.
    package let content: SafetensorsFile
    /// Checkpoints that are damaged, newest first. Those of a later generation than this one were
    /// passed over: the caller must say so, since work is repeated.
    package let damaged: [DamagedCheckpoint]

    /// One line for the log per damaged checkpoint.
    package var warnings: [String] {
        damaged.map { item in
            item.generation > generation
                ? "\(item); falling back to the previous one, \(path)" : "\(item)"
        }
    }
}

/// A checkpoint file that cannot be used. It is never deleted, so that it can be examined.
package struct DamagedCheckpoint: Hashable, Sendable, CustomStringConvertible {
    /// Number in the name of the file.
    package let generation: Int
    /// Of the file.
    package let path: String
    /// Why, without the path.
    package let reason: String

    package var description: String { "checkpoint \(path) is damaged: \(reason)" }
}
