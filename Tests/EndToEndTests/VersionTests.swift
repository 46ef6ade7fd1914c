// SPDX-License-Identifier: Apache-2.0

import Foundation
import Release
import Testing

extension EndToEnd {
    /// One version, stated once, wherever a user meets it.
    @Suite(.serialized) struct Version {
        @Test func isShown() throws {
            let outcome = try ChildProcess.run(["--version"])
            #expect(outcome.status == 0)
            #expect(outcome.output == Build.version + "\n")
        }

        @Test func isTheNewestOfTheChangelog() throws {
            let text = try String(
                contentsOf: Binary.root.appendingPathComponent("CHANGELOG.md"), encoding: .utf8)
            let headings = text.split(separator: "\n").filter { $0.hasPrefix("## ") }
            #expect(headings.first?.hasPrefix("## \(Build.version) ") == true)
            for heading in headings.dropFirst() {
                #expect(
                    heading.wholeMatch(of: #/## \d+\.\d+\.\d+ - \d{4}-\d\d-\d\d/#) != nil,
                    "\(heading) has no version and date")
            }
        }

        @Test func isInTheModelAndInTheRun() throws {
            let scratch = try Scratch()
            let out = scratch("out")
            let outcome = try ChildProcess.run(
                ["calibrate", "--model", Example.model, "--images", Example.images]
                    + ["--method", "none"] + Example.flags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            let folder = URL(fileURLWithPath: out)
            let model = try Data(contentsOf: folder.appendingPathComponent("model.int8.onnx"))
            // The fields producer_name and producer_version, as they lie in a ModelProto.
            let producer: [UInt8] =
                [0x12, 11] + "counterbias".utf8 + [0x1a, UInt8(Build.version.utf8.count)]
                + Build.version.utf8
            #expect(model.range(of: Data(producer)) != nil)
            let run = try JSONDecoder().decode(
                Run.self, from: Data(contentsOf: folder.appendingPathComponent("run.json")))
            #expect(run.version == Build.version)
        }

        private struct Run: Decodable { var version: String }
    }
}
