// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Progress on stderr: a line that is drawn over and over on a terminal, plain lines elsewhere.
    @Suite(.serialized) struct Display {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func evaluation(_ extra: String...) throws -> [String] {
            let calibrated = try ChildProcess.run(["calibrate"] + Example.flags(out: out))
            #expect(calibrated.status == 0, "\(calibrated.log)")
            return [
                "evaluate", "--config", Example.config, "--model", Example.model, "--images",
                "example/evaluation", "--quantized", out + "/model.int8.onnx",
            ] + extra
        }

        /// Every bar was drawn in one row and was taken away.
        private func expectClean(_ outcome: Terminal.Outcome, _ columns: Int) {
            #expect(outcome.status == 0, "\(outcome.written)")
            let drawn = outcome.written.components(separatedBy: "\r\u{1B}[K")
                .filter { $0.contains("█") || $0.contains("░") }
            #expect(!drawn.isEmpty, "\(outcome.written)")
            for line in drawn {
                // One column for each of these characters.
                #expect(line.count < columns, "\(line)")
                #expect(!line.contains("\n"), "\(line)")
            }
            let screen = outcome.screen.text
            #expect(!screen.contains("█") && !screen.contains("░"), "\(screen)")
        }

        @Test(arguments: [40, 80, 100, 130])
        func tuningLeavesNothingOnATerminal(columns: Int) throws {
            let outcome = try Terminal.run(
                ["calibrate", "--workers", "1"] + Example.tuningFlags(out: out), columns: columns)
            expectClean(outcome, columns)
            #expect(outcome.screen.text.contains("fine-tuning: validation loss"))
        }

        @Test(arguments: [40, 80, 100, 130])
        func evaluationLeavesNothingOnATerminal(columns: Int) throws {
            let outcome = try Terminal.run(evaluation(), columns: columns)
            expectClean(outcome, columns)
            #expect(outcome.written.contains("evaluating  "), "\(outcome.written)")
        }

        @Test func logLinesStandAlone() throws {
            let folder = try scratch.folder("private")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o700], ofItemAtPath: folder)
            let endpoint = "ipc://\(folder)/c"
            let worker = try ChildProcess(["worker", "--connect", endpoint])
            let outcome = try Terminal.run(
                ["coordinator", "--listen", endpoint, "--verbose"] + Example.flags(out: out),
                columns: 400)
            expectClean(outcome, 400)
            let lines = outcome.screen.text.split(separator: "\n")
            #expect(lines.contains { $0.contains(#/^20\S+ debug counterbias: .*round opened$/#) })
            #expect(try worker.finish().status == 0)
        }

        @Test func evaluationTellsTenthsElsewhere() throws {
            let arguments = try evaluation("--limit", "40")
            let outcome = try ChildProcess.run(arguments)
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(outcome.log.contains("\nevaluating: 0/40 images\n"), "\(outcome.log)")
            let last = #/\nevaluating: 40/40 images, [0-9.]+ images/s, 0 s left\n/#
            #expect(outcome.log.contains(last), "\(outcome.log)")
            #expect(!outcome.log.contains("\r") && !outcome.log.contains("█"))
            #expect(try ChildProcess.run(arguments + ["--quiet"]).log.isEmpty)
            let json = try ChildProcess.run(arguments + ["--log-format", "json"]).log
            #expect(json.contains(#""event":"evaluating""#) && json.contains(#""done":"40""#))
        }
    }
}
