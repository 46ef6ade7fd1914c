import Foundation

/// Files the tests read.
enum Resources {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Committed fixtures.
    static let fixtures = package.appendingPathComponent("Tests/Fixtures")

    /// Real models beside the repository; optional.
    static let sharedModels = package.deletingLastPathComponent()
        .appendingPathComponent("shared/models")

    static var hasSharedModels: Bool {
        let exists = FileManager.default.fileExists(atPath: sharedModels.path)
        if !exists { print("SKIPPED: ../shared/models is absent, real models are not tested.") }
        return exists
    }
}
