// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// What weights are stored as, and what is said of those that can saturate.
    @Suite(.serialized) struct WeightTypes {
        let scratch: Scratch

        init() throws { scratch = try Scratch() }

        private struct Run: Decodable {
            var weightTypes: [String: Int]
            var warnings: [String]
            var digests: [String: String]
        }

        /// The example with one symmetric scale per channel; what `run.json` says.
        private func calibrate(_ out: String, _ more: [String]) throws -> Run {
            let outcome = try ChildProcess.run(
                ["calibrate"] + Example.flags(out: scratch(out), images: 16)
                    + ["--granularity", "channel", "--weights", "symmetric"] + more)
            #expect(outcome.status == 0, "\(outcome.log)")
            return try JSONDecoder().decode(Run.self, from: try scratch.bytes(out + "/run.json"))
        }

        @Test func warningsNameWhatCanSaturate() throws {
            let remedy = "can saturate in default sessions"
            func saturates(_ run: Run) -> Bool { run.warnings.contains { $0.contains(remedy) } }
            let chosen = try calibrate("auto", ["--bits", "8"])
            let layers = chosen.weightTypes.values.reduce(0, +)
            #expect(!saturates(chosen) && layers > 0)
            let limited = try calibrate("int8", ["--bits", "8", "--weight-type", "int8"])
            #expect(!saturates(limited) && limited.weightTypes == ["int8": layers])
            let allow = ["--weight-saturation", "allow"]
            let allowed = try calibrate("allow", ["--bits", "8"] + allow)
            #expect(saturates(allowed) && allowed.weightTypes == ["int8": layers])
            let narrow = try calibrate("narrow", ["--bits", "7"] + allow)
            #expect(!saturates(narrow))

            // The same integers around 128: the same biases, and nothing that saturates.
            let unsigned = try calibrate("uint8", ["--bits", "8", "--weight-type", "uint8"])
            #expect(!saturates(unsigned) && unsigned.weightTypes == ["uint8": layers])
            #expect(unsigned.digests["biases"] == allowed.digests["biases"])

            // Models given with --quantized, which only get other biases.
            func correct(_ name: String) throws -> Run {
                let outcome = try ChildProcess.run(
                    [
                        "calibrate", "--config", Example.config, "--limit", "16", "--out",
                        scratch(name + "-corrected"), "--quantized",
                        scratch(name + "/model.int8.onnx"),
                    ])
                #expect(outcome.status == 0, "\(outcome.log)")
                return try JSONDecoder().decode(
                    Run.self, from: try scratch.bytes(name + "-corrected/run.json"))
            }
            let given = try correct("allow")
            #expect(given.warnings.contains { $0.contains(remedy) && $0.contains("reduce_range") })
            #expect(!saturates(try correct("uint8")))
        }

        @Test func asymmetricWeightsAreUInt8() throws {
            let outcome = try ChildProcess.run(
                ["calibrate"] + Example.flags(out: scratch("out")) + ["--weight-type", "int8"])
            #expect(outcome.status == 78 && outcome.log.contains("asymmetric weights are uint8"))
            #expect(!scratch.exists("out"))
        }
    }
}
