// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// A quantized model that a user brings.
    @Suite(.serialized) struct Quantized {
        let scratch: Scratch

        init() throws { scratch = try Scratch() }

        private func run(_ status: Int32 = 0, _ arguments: [String]) throws -> String {
            let outcome = try ChildProcess.run(arguments)
            #expect(outcome.status == status, "\(outcome.log)")
            return outcome.log
        }

        private func flags(_ model: String, out: String, match: String = "pre") -> [String] {
            [
                "--config", Example.config, "--out", scratch(out), "--quantized", model, "--limit",
                "8", "--match", match,
            ]
        }

        private func correct(_ model: String, _ more: String...) throws -> [String] {
            ["calibrate"] + flags(model, out: "out") + more
        }

        @Test func isCorrectedPatchedAndItsOwnJob() throws {
            let made = ["calibrate"] + Example.flags(out: scratch("theirs")) + ["--method", "none"]
            _ = try run(0, made)
            let theirs = scratch("theirs/model.int8.onnx")
            _ = try run(0, try correct(theirs))
            let corrected = try scratch.bytes("out/model.int8.onnx")
            #expect(corrected.count == (try scratch.bytes("theirs/model.int8.onnx")).count)

            let patch = ["--patch", scratch("out/bias.patch.safetensors")]
            let model = scratch("out/model.int8.onnx")
            let back = scratch("back.onnx")
            _ = try run(0, ["apply", "--model", model, "--out", back, "--revert"] + patch)
            #expect(try scratch.bytes("back.onnx") == scratch.bytes("theirs/model.int8.onnx"))
            _ = try run(0, ["apply", "--model", back, "--out", scratch("again.onnx")] + patch)
            #expect(try scratch.bytes("again.onnx") == corrected)
            let twice = try run(
                65, ["apply", "--model", model, "--out", scratch("no.onnx")] + patch)
            #expect(twice.contains(model) && twice.contains("already has"))
            #expect(!scratch.exists("no.onnx"))

            // Another model is another job.
            let other = try run(65, try correct(model, "--resume"))
            #expect(other.contains("the quantized model (\(theirs)"), "\(other)")
        }

        /// Killed in the middle, continued by a coordinator with two workers: the bits of
        /// `calibrate` in one go.
        @Test(arguments: ["pre", "post"])
        func isCorrectedAcrossWorkersAndResumed(match: String) throws {
            let made = ["calibrate"] + Example.flags(out: scratch("theirs")) + ["--method", "none"]
            _ = try run(0, made)
            let theirs = scratch("theirs/model.int8.onnx")
            _ = try run(0, ["calibrate"] + flags(theirs, out: "out", match: match))
            let flags = flags(theirs, out: "spread", match: match)
            let first = try Cluster(flags: flags)
            let worker = try first.worker()
            try first.coordinator.line(containing: "round opened", "round=2 ")
            try first.coordinator.end()
            let second = try Cluster(flags: flags + ["--resume"], endpoint: first.endpoint)
            let other = try second.worker()
            try second.expectReference(
                in: scratch("spread"), Results(in: scratch("out")), events: "resuming")
            for worker in [worker, other] { try worker.end() }
        }

        /// The float network overflows on such pixels, whatever the ranges of the given model are:
        /// told with the layer, and nothing is written but a checkpoint.
        @Test(arguments: ["pre", "post"])
        func overflowsOfTheFloatNetworkAreTold(match: String) throws {
            let made = ["calibrate"] + Example.flags(out: scratch("theirs")) + ["--method", "none"]
            _ = try run(0, made)
            let config = try String(contentsOfFile: Example.config, encoding: .utf8)
                .replacing("std: [127.5, 127.5, 127.5]", with: "std: 3.8e-37")
            try config.write(toFile: scratch("huge.yaml"), atomically: true, encoding: .utf8)
            var flags = flags(scratch("theirs/model.int8.onnx"), out: "out", match: match)
            flags[1] = scratch("huge.yaml")
            let log = try run(65, ["calibrate"] + flags)
            #expect(log.contains("the float network itself overflows"), "\(log)")
            for file in ["model.int8.onnx", "ledger.json", "run.json", "report.html"] {
                #expect(!scratch.exists("out/" + file), "\(file)")
            }
        }

        @Test func optionsOfQuantizationAreRefused() throws {
            let log = try run(64, try correct("any.onnx", "--granularity", "channel"))
            #expect(log.contains("--granularity has no effect"))
            #expect(try run(65, try correct(scratch("none.onnx"))).contains("none.onnx"))
        }
    }
}
