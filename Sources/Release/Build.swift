// SPDX-License-Identifier: Apache-2.0

/// This build, as the command line, workers, results and exported models name it.
package enum Build {
    /// The release in semantic versioning, the newest one in `CHANGELOG.md`; nothing else in the
    /// sources states it.
    package static let version = "0.2.0"
}
