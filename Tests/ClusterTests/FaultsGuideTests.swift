// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// docs/faults.md is true: its tests exist, each asks for the bits and for an event of its row, and
/// every event is asked for.
@Suite struct FaultsGuideTests {
    /// Members of the suites of one file, by name, as text.
    private struct Members {
        private var bodies: [String: String] = [:]

        init(file text: String) {
            // Members of a suite are indented by two levels.
            let starts = text.ranges(of: #/(?m)^ {8}(?=[@a-z])/#).map(\.lowerBound)
            for (start, end) in zip(starts, starts.dropFirst() + [text.endIndex]) {
                let body = text[start..<end]
                if let name = body.firstMatch(of: #/\b(?:func|let|var) (\w+)/#)?.output.1 {
                    bodies[String(name), default: ""] += body
                }
            }
        }

        /// A member's text and that of the members it uses; nil if there is none of this name.
        func text(of name: String) -> String? {
            guard bodies[name] != nil else { return nil }
            var (known, new): (Set<String>, [String]) = ([name], [name])
            while let next = new.popLast() {
                for word in (bodies[next] ?? "").matches(of: #/\w+/#).map({ String($0.output) })
                where bodies[word] != nil && known.insert(word).inserted { new.append(word) }
            }
            return known.sorted().compactMap { bodies[$0] }.joined()
        }
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: ProcessEnvironment.root + "/" + path, encoding: .utf8)
    }

    private func quoted(_ cell: String) -> [String] {
        cell.matches(of: #/`([^`]*)`/#).map { String($0.output.1) }
    }

    @Test func everyRowIsTrue() throws {
        let folder = "Tests/EndToEndTests"
        let files = try FileManager.default.subpathsOfDirectory(
            atPath: ProcessEnvironment.root + "/" + folder
        ).filter { $0.hasSuffix("Tests.swift") }.map { Members(file: try text(folder + "/" + $0)) }
        let guide = try text("docs/operations.md")
        let rows = try text("docs/faults.md").split(separator: "\n")
            .filter { $0.hasPrefix("|") }.dropFirst(2)
            .map { $0.split(separator: "|").map(String.init) }
        #expect(rows.count > 25)
        for row in rows {
            try #require(row.count == 4, "\(row)")
            let fault = row[0]
            let named = quoted(row[3])
            let tests = named.compactMap { name in files.lazy.compactMap { $0.text(of: name) }.first
            }
            #expect(!named.isEmpty && tests.count == named.count, "\(fault): tests of \(named)")
            for event in quoted(row[2]) {
                #expect(guide.contains("`\(event)`"), "\(fault): no event '\(event)'")
            }
            let codes = row[2].matches(of: #/\b\d\d\b/#).map { String($0.output) }
            let signs = quoted(row[2]) + codes
            for sign in signs {
                #expect(tests.contains { $0.contains(sign) }, "\(fault): none expects '\(sign)'")
            }
            for (name, test) in zip(named, tests) {
                #expect(
                    signs.isEmpty || signs.contains { test.contains($0) },
                    "\(name) expects none of \(signs)")
                #expect(
                    test.contains(#/expectReference|expectUndisturbed|Results\(in: out\) ==/#),
                    "\(name) does not ask for the bits")
            }
        }
    }
}
