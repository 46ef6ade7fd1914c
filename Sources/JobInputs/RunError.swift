// SPDX-License-Identifier: Apache-2.0

/// Files, folders and settings that do not fit each other, in the user's words.
package struct RunError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is to blame; a command makes its exit code of it.
    package enum Kind: Hashable, Sendable {
        /// Settings that contradict the model.
        case configuration
        /// A file whose content is of no use.
        case data
        /// A file or folder that is missing or cannot be read.
        case missing
        /// A place that results cannot be written to.
        case output
        /// Another start of the same job, which is not finished.
        case unfinishedJob
        /// Workers that computed wrong bits.
        case workers
    }

    /// For exit codes; the description is for people.
    package var kind: Kind
    /// One line that names the file, key or worker and says what to do.
    package var description: String

    /// Of that kind; the description is printed as it is.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
