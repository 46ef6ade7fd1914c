import Foundation
import TestSupport
import Testing

/// docs/faults.md names tests that exist and events that the operator's guide explains.
@Suite struct FaultsGuideTests {
    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: ProcessEnvironment.root + "/" + path, encoding: .utf8)
    }

    @Test func everyTestAndEventExists() throws {
        let folder = "Tests/EndToEndTests"
        let sources = try FileManager.default.subpathsOfDirectory(
            atPath: ProcessEnvironment.root + "/" + folder)
        let tests = try sources.filter { $0.hasSuffix("Tests.swift") }
            .map { try text(folder + "/" + $0) }.joined()
        let guide = try text("docs/operations.md")
        let rows = try text("docs/faults.md").split(separator: "\n")
            .filter { $0.hasPrefix("|") }.dropFirst(2)
            .map { $0.split(separator: "|").map(String.init) }
        #expect(rows.count > 25)
        func quoted(_ cell: String) -> [String] {
            cell.matches(of: #/`([^`]*)`/#).map { String($0.output.1) }
        }
        for row in rows {
            try #require(row.count == 4, "\(row)")
            #expect(!quoted(row[3]).isEmpty, "\(row[0]): no test")
            for test in quoted(row[3]) {
                #expect(tests.contains("func \(test)("), "\(row[0]): no test '\(test)'")
            }
            for event in quoted(row[2]) {
                #expect(guide.contains("`\(event)`"), "\(row[0]): no event '\(event)'")
            }
        }
    }
}
