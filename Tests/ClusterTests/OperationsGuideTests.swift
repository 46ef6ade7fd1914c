// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The operator's guide lists every event that is logged, and every event has one fixed text.
@Suite struct OperationsGuideTests {
    /// Events by file, and the levels they are logged at, where that can be seen.
    private func events() throws -> [(file: String, levels: [String], event: String)] {
        let sources = ProcessEnvironment.root + "/Sources"
        var found: [(file: String, levels: [String], event: String)] = []
        for name in try FileManager.default.subpathsOfDirectory(atPath: sources).sorted()
        where name.hasSuffix(".swift") {
            let text = try String(contentsOfFile: sources + "/" + name, encoding: .utf8)
            let levels =
                #/logger\.(trace|debug|info|notice|warning|error|critical)\(\s*("[^"]*"|[^,)]*)/#
            let variable = #/logger\.log\(\s*level:([^"]*?),\s*("[^"]*")/#
            let written = #/event: ("[^"]*"),/#
            found += text.matches(of: levels).map {
                (name, [String($0.output.1)], String($0.output.2))
            }
            found += text.matches(of: variable).map { match in
                let levels = match.output.1.matches(of: #/[?:] *\.([a-z]+)/#)
                return (name, levels.map { String($0.output.1) }, String(match.output.2))
            }
            found += text.matches(of: written).map { (name, [], String($0.output.1)) }
        }
        return found
    }

    @Test func everyEventIsInTheGuide() throws {
        let guide = try String(
            contentsOfFile: ProcessEnvironment.root + "/docs/operations.md", encoding: .utf8)
        let events = try events()
        #expect(events.count > 25, "the pattern finds too few: \(events)")
        let rows = guide.split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
        for (file, levels, literal) in events where literal != #""\(event.message)""# {
            #expect(
                literal.hasPrefix("\"") && literal.hasSuffix("\"") && !literal.contains("\\("),
                "\(file): \(literal) is no fixed text; what varies belongs in the metadata")
            let event = literal.dropFirst().dropLast()
            #expect(guide.contains("`\(event)`"), "\(file): docs/operations.md lacks '\(event)'")
            let listed = rows.filter { $0.count > 2 && $0[0].contains("`\(event)`") }.map { $0[1] }
            for level in levels {
                #expect(
                    listed.contains { $0.contains(level) },
                    "\(file): '\(event)' is logged at \(level), docs/operations.md says \(listed)")
            }
        }
    }

    @Test func everyEventOfTheGuideIsLogged() throws {
        let guide = try String(
            contentsOfFile: ProcessEnvironment.root + "/docs/operations.md", encoding: .utf8)
        let logged = Set(try events().map(\.event))
        let levels = #/\b(trace|debug|info|notice|warning|error|critical)\b/#
        var count = 0
        for line in guide.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst()
            guard cells.count == 5, cells.dropFirst().first?.contains(levels) == true else {
                continue
            }
            for event in (cells.first ?? "").matches(of: #/`([^`]*)`/#).map(\.output.1) {
                count += 1
                #expect(logged.contains("\"\(event)\""), "nothing logs '\(event)'")
            }
        }
        #expect(count > 25)
    }

    @Test func everyMetricIsInTheGuide() throws {
        let guide = try String(
            contentsOfFile: ProcessEnvironment.root + "/docs/operations.md", encoding: .utf8)
        let folder = ProcessEnvironment.root + "/Sources/Cluster/Metrics"
        var count = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
            for match in text.matches(of: #/(counter|gauge)\("([a-z_]+)"/#) {
                count += 1
                let metric = match.output.2 + (match.output.1 == "counter" ? "_total" : "")
                #expect(guide.contains("`\(metric)"), "docs/operations.md lacks \(metric)")
            }
        }
        #expect(count > 15)
    }
}
