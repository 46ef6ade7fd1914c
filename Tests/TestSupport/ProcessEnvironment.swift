import Foundation

/// What the environment tells tests.
package enum ProcessEnvironment {
    package static var seed: UInt64? {
        ProcessInfo.processInfo.environment["COUNTERBIAS_SEED"].flatMap(UInt64.init)
    }

    /// The repository's root.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Optional models and photographs beside the checkout; nil, with a loud line, where absent.
    package static let shared: String? = {
        let path = URL(fileURLWithPath: root).deletingLastPathComponent().path + "/shared"
        guard FileManager.default.fileExists(atPath: path + "/models") else {
            print("SKIPPED: ../shared is absent; tests on its models do not run")
            return nil
        }
        return path
    }()
}
