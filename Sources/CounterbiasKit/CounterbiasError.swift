// SPDX-License-Identifier: Apache-2.0

import JobInputs
import Settings
import Storage

/// Why a model could not be read, calibrated, compared or written.
public struct CounterbiasError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What an error is about.
    public enum Kind: Hashable, Sendable {
        /// The configuration: an unknown key, a value out of range, or one that contradicts the
        /// model.
        case configuration
        /// A model, an image or a table of labels.
        case input
        /// A file that could not be written.
        case output
    }

    /// What to look at first.
    public let kind: Kind
    /// One sentence that names the file, node or key, and where something can be done, what.
    public let description: String

    init(_ error: any Error) {
        description = "\(error)"
        kind =
            switch error {
            case is SettingsError: .configuration
            case let error as RunError where error.kind == .configuration: .configuration
            case is StorageError: .output
            default: .input
            }
    }
}

/// - Throws: what `body` throws, as an error of this module.
func mappingErrors<Result>(_ body: () throws -> Result) throws(CounterbiasError) -> Result {
    do {
        return try body()
    } catch {
        throw CounterbiasError(error)
    }
}
