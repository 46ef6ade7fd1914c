// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// Files the tests read.
package enum Resources {
    package static let package = URL(fileURLWithPath: ProcessEnvironment.root)

    /// Committed fixtures.
    package static let fixtures = package.appendingPathComponent("Tests/Fixtures")

    /// Real models beside the repository; optional.
    package static let sharedModels = package.deletingLastPathComponent()
        .appendingPathComponent("shared/models")

    package static var hasSharedModels: Bool {
        let exists = FileManager.default.fileExists(atPath: sharedModels.path)
        if !exists { print("SKIPPED: ../shared/models is absent, real models are not tested.") }
        return exists
    }
}
