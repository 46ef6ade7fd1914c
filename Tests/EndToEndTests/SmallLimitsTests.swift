// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// What is smaller or larger than a command can do with.
    @Suite(.serialized) struct SmallLimits {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        /// Runs a command with at most so many descriptors, soft and hard, and none of this
        /// process's: what lies above the limit would stand in its way.
        private func run(
            _ arguments: [String], descriptors: Int
        ) throws -> (status: Int32, log: String) {
            let script = """
                for file in /proc/$$/fd/*; do
                    if (( ${file##*/} > 2 )); then eval "exec ${file##*/}>&-"; fi
                done
                ulimit -n \(descriptors)
                exec "$0" "$@"
                """
            let command = ["bash", "-c", script, try Binary.counterbias().path]
            do {
                return (0, try Tool.run(command + arguments))
            } catch let failure as Tool.Failure {
                return (failure.status, failure.output)
            }
        }

        @Test func fewDescriptors() throws {
            let config = Binary.root.appendingPathComponent(Example.config).path
            let job =
                Example.flags(out: out, config: config) + [
                    "--model", Binary.root.appendingPathComponent(Example.model).path, "--images",
                    Binary.root.appendingPathComponent(Example.images).path,
                ]
            let commands: [(arguments: [String], needed: Int)] = [
                (["calibrate", "--workers", "2"] + job, 70),
                (["calibrate", "--workers", "8"] + job, 88),
                (["coordinator", "--listen", "tcp://127.0.0.1:*"] + job, 64),
                (["worker", "--connect", "tcp://127.0.0.1:9"], 64),
            ]
            for (arguments, needed) in commands {
                for descriptors in [8, 16, 24, 32, needed - 1] {
                    let outcome = try run(arguments, descriptors: descriptors)
                    #expect(outcome.status == 71, "\(descriptors): \(outcome)")
                    #expect(outcome.log.contains("may have \(descriptors) files"), "\(outcome)")
                    #expect(outcome.log.contains("'ulimit -n \(needed)'"), "\(outcome)")
                }
            }
            #expect(!scratch.exists("out"))
            for (arguments, needed) in commands.prefix(2) {
                let outcome = try run(
                    arguments + ["--metrics", "127.0.0.1:*"], descriptors: needed)
                #expect(outcome.status == 0, "\(outcome)")
                #expect(try Results(in: out) == Results.reference.get())
            }
        }

        @Test func aSoftLimitIsRaised() throws {
            let outcome = try Tool.run(
                "sh", "-c", "ulimit -Sn 16; cd \"$0\"; exec \"$@\"", Binary.root.path,
                Binary.counterbias().path, "calibrate", "--workers", "2", "--config",
                Example.config, "--out", out, "--limit", "8", "--range-images", "8",
                "--ibc-images", "8", "--match", "pre")
            #expect(try Results(in: out) == Results.reference.get(), "\(outcome)")
        }

        /// Inputs that never end, or that nobody ever writes.
        @Test func pipesAndEndlessFiles() throws {
            let pipe = scratch("pipe")
            #expect(mkfifo(pipe, 0o600) == 0)
            let large = scratch("large")
            #expect(FileManager.default.createFile(atPath: large, contents: nil))
            // Takes no space.
            #expect(truncate(large, 3 << 30) == 0)
            let finished = try ChildProcess.run(["calibrate"] + Example.flags(out: out))
            #expect(finished.status == 0, "\(finished.log)")
            func evaluate(_ extra: String...) -> [String] {
                [
                    "evaluate", "--model", Example.model, "--quantized", out + "/model.int8.onnx",
                    "--images", Example.images, "--limit", "2",
                ] + extra
            }
            let line = String(repeating: "x\u{1B}", count: 5_000)
            let labels = try scratch.write("file,class_index\n\(line)\n", to: "labels.csv")
            let table = try ChildProcess.run(evaluate("--labels", labels))
            #expect(table.status == 65 && table.log.contains("line 2: 'x\\u{1B}"), "\(table.log)")
            #expect(table.log.utf8.count < 1_000)
            for file in [pipe, "/dev/zero", large] {
                let commands: [(status: Int32, arguments: [String])] = [
                    (66, evaluate("--labels", file)), (78, evaluate("--config", file)),
                    (65, ["inspect", file]), (65, evaluate("--quantized", file)),
                    (
                        65,
                        ["apply", "--model", file, "--patch", file, "--out", scratch("n.onnx")]
                    ),
                    (
                        77,
                        ["worker", "--connect", "tcp://127.0.0.1:9", "--key", file]
                            + ["--server-key", file]
                    ),
                ]
                for (status, arguments) in commands {
                    let outcome = try ChildProcess.run(arguments)
                    #expect(outcome.status == status, "\(arguments): \(outcome.log)")
                    #expect(outcome.log.contains(file), "\(arguments): \(outcome.log)")
                    let reason =
                        file == large
                        ? #/exceed the limit of \d+|larger than \d+|more than \d+ bytes/#
                        : #/not a regular file/#
                    #expect(outcome.log.contains(reason), "\(arguments): \(outcome.log)")
                }
            }
            for name in ["run.json", "ledger.json", "timeline.json"] {
                let file = out + "/" + name
                let content = try Data(contentsOf: URL(fileURLWithPath: file))
                try FileManager.default.removeItem(atPath: file)
                #expect(mkfifo(file, 0o600) == 0)
                let report = try ChildProcess.run("report", out)
                #expect(report.status == 66 && report.log.contains(file), "\(report.log)")
                #expect(try ChildProcess.run("status", out).status == 0)
                try FileManager.default.removeItem(atPath: file)
                try content.write(to: URL(fileURLWithPath: file))
            }
        }

        /// A link that somebody else made is neither followed nor written through.
        @Test func aLockThatIsALink() throws {
            try scratch.folder("out")
            let precious = try scratch.write("precious", to: "precious")
            #expect(symlink(precious, out + "/.lock") == 0)
            let outcome = try ChildProcess.run(["calibrate"] + Example.flags(out: out))
            #expect(outcome.status == 73, "\(outcome.log)")
            #expect(outcome.log.contains("\(out)/.lock: a link"), "\(outcome.log)")
            #expect(try ChildProcess.run("status", out).status == 66)
            #expect(try scratch.bytes("precious") == Data("precious".utf8))
            #expect(unlink(out + "/.lock") == 0)
            let mended = try ChildProcess.run(["calibrate"] + Example.flags(out: out))
            #expect(mended.status == 0, "\(mended.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }
    }
}
