// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// SECURITY.md names files and tests that exist.
@Suite struct SecurityGuideTests {
    private func files(in folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(
            atPath: ProcessEnvironment.root + "/" + folder
        ).map { folder + "/" + $0 }
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: ProcessEnvironment.root + "/" + path, encoding: .utf8)
    }

    private func quoted(_ cell: String) -> [String] {
        cell.matches(of: #/`([^`]*)`/#).map { String($0.output.1) }
    }

    @Test func everyRowNamesWhatIsThere() throws {
        let sources = try files(in: "Sources") + files(in: "scripts")
        let tests = try files(in: "Tests").filter { $0.hasSuffix(".swift") }.map(text)
        let rows = try text("SECURITY.md").split(separator: "\n")
            .drop { !$0.hasPrefix("| claim |") }.dropFirst(2).prefix { $0.hasPrefix("|") }
            .map { $0.split(separator: "|").map(String.init) }
        #expect(rows.count > 8)
        for row in rows {
            try #require(row.count == 3, "\(row)")
            for name in quoted(row[1]) {
                let isThere = sources.contains { $0 == name || $0.hasSuffix("/" + name) }
                #expect(isThere, "no file \(name) of: \(row[0])")
            }
            #expect(!quoted(row[2]).isEmpty, "nothing checks: \(row[0])")
            for name in quoted(row[2]) where !sources.contains(name) {
                let isThere = tests.contains { text in
                    ["struct \(name) ", "func \(name)("].contains { text.contains($0) }
                }
                #expect(isThere, "no suite or test \(name) of: \(row[0])")
            }
        }
    }
}
