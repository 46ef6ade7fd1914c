// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The library of `Shim/shim.c`, built beside the program and preloaded into programs under test.
enum Shim {
    static let library = Result { try build() }

    /// Environment that loads it, with its switches; see `shim.c`.
    static func environment(_ switches: [String: String]) throws -> [String: String] {
        switches.merging(["LD_PRELOAD": try library.get()]) { first, _ in first }
    }

    private static func build() throws -> String {
        let source = Binary.root.appendingPathComponent("Tests/EndToEndTests/Shim/shim.c").path
        let library = try Binary.counterbias().deletingLastPathComponent()
            .appendingPathComponent("counterbias-test-shim.so").path
        var failure: (any Error)?
        for compiler in ["clang", "gcc", "cc"] {
            do {
                try Tool.run(
                    compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o", library,
                    "-ldl")
                return library
            } catch {
                failure = error
            }
        }
        throw failure ?? CocoaError(.fileNoSuchFile)
    }
}
