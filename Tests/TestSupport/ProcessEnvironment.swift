// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the environment tells tests.
package enum ProcessEnvironment {
    /// `COUNTERBIAS_SEED`, a number from 0 to 2^64 - 1; nil where it is not set.
    package static var seed: UInt64? { number("COUNTERBIAS_SEED") }

    /// A number in the environment; nil where it is not set.
    package static func number<Number: FixedWidthInteger>(_ name: String) -> Number? {
        guard let text = ProcessInfo.processInfo.environment[name] else { return nil }
        guard let number = Number(text) else { fatalError("\(name)=\(text): not a \(Number.self)") }
        return number
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
