// SPDX-License-Identifier: Apache-2.0

import Foundation
import QDQ
import Quantization
import Testing

extension EndToEnd {
    /// What commands print and what files hold.
    @Suite(.serialized) struct Reports {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        @Test(arguments: [["tensor", "asymmetric"], ["channel", "symmetric"]])
        func onlyBiasesDiffer(scheme: [String]) throws {
            func network(_ method: String) throws -> QuantizedNetwork {
                let folder = scratch(method)
                let outcome = try ChildProcess.run(
                    [
                        "calibrate", "--method", method, "--granularity", scheme[0], "--weights",
                        scheme[1],
                    ]
                        + Example.flags(out: folder))
                #expect(outcome.status == 0, "\(outcome.log)")
                return try QDQModel.load(path: folder + "/model.int8.onnx")
            }
            let plain = try network("none")
            let corrected = try network("ibc")
            #expect(BiasState(of: plain) != BiasState(of: corrected))
            #expect(corrected.replacingBiases(BiasState(of: plain)) == plain)
            let sizes = try ["none", "ibc"].map { try scratch.bytes($0 + "/model.int8.onnx").count }
            #expect(sizes[0] == sizes[1])
        }

        @Test func evaluation() throws {
            let calibration = try ChildProcess.run(
                ["calibrate", "--json", "--quiet"] + Example.flags(out: out))
            #expect(calibration.status == 0, "\(calibration.log)")
            let run = try object(calibration.output)
            #expect(
                NSDictionary(dictionary: run)
                    == NSDictionary(
                        dictionary: try object(
                            String(contentsOfFile: out + "/run.json", encoding: .utf8))))

            func evaluate(_ extra: String...) throws -> ChildProcess.Outcome {
                let outcome = try ChildProcess.run(
                    [
                        "evaluate", "--model", Example.model, "--quantized",
                        out + "/model.int8.onnx",
                        "--images", "example/evaluation", "--limit", "40",
                    ] + extra)
                #expect(outcome.status == 0, "\(outcome.log)")
                return outcome
            }
            let unlabelled = try scratch.write(
                "preprocessing: {resize_short_side: none, crop: 28, mean: [127.5, 127.5, 127.5], "
                    + "std: [127.5, 127.5, 127.5]}\n", to: "pixels.yaml")
            let report = try object(
                evaluate("--config", unlabelled, "--labels", Example.labels, "--json").output)
            #expect(
                Set(report.keys)
                    == [
                        "images", "float", "quantized", "agreement", "sqnr_db", "kl", "pixels",
                        "left_out", "skipped_images", "warnings",
                    ])
            #expect(report["images"] as? Int == 40)
            let accuracy = try ["float", "quantized"].map {
                try #require((report[$0] as? [String: Any])?["top1"] as? Double)
            }
            #expect(accuracy[0] > 0.9 && accuracy[0] <= 1)
            #expect(accuracy[1] > 0.5)
            let agreement = try #require(report["agreement"] as? Double)
            #expect(agreement > 0.5 && agreement <= 1)
            #expect(try #require(report["sqnr_db"] as? Double) > 3)
            #expect(try #require(report["kl"] as? Double) >= 0)

            let bare = try object(
                evaluate("--config", unlabelled, "--json", "--threads", "1").output)
            #expect((bare["float"] as? [String: Any])?["top1"] == nil)
            #expect((bare["quantized"] as? [String: Any])?["top1"] == nil)
            #expect(bare["sqnr_db"] as? Double == report["sqnr_db"] as? Double)
            #expect(bare["kl"] as? Double == report["kl"] as? Double)

            let table = try evaluate("--config", unlabelled, "--labels", Example.labels).output
            #expect(table.contains("top-1") && table.contains("dB") && table.contains("40 images"))
        }

        @Test func inspection() throws {
            let table = try ChildProcess.run("inspect", Example.model)
            #expect(table.status == 0, "\(table.log)")
            #expect(table.log.isEmpty)
            let json = try object(ChildProcess.run("inspect", Example.model, "--json").output)
            let rows = try #require(json["rows"] as? [[String: Any]])
            #expect(rows.count > 3)
            for row in rows {
                let name = try #require(row["name"] as? String)
                let kind = try #require(row["kind"] as? String)
                #expect(table.output.contains(name) && table.output.contains(kind))
            }
            let parameters = rows.compactMap { $0["parameters"] as? Int }.reduce(0, +)
            #expect(json["parameters"] as? Int == parameters)
            #expect(json["macs"] as? Int == rows.compactMap { $0["macs"] as? Int }.reduce(0, +))
        }

        @Test func helpNamesEverythingAUserNeeds() throws {
            let help = try ChildProcess.run("--help")
            #expect(help.status == 0)
            for command in ["calibrate", "evaluate", "coordinator", "worker", "inspect", "keygen"] {
                #expect(help.output.contains(command))
                #expect(try ChildProcess.run(command, "--help").status == 0)
            }
            #expect(help.output.contains("75"))
            let calibrate = try ChildProcess.run("calibrate", "--help").output
            for flag in [
                "model", "images", "out", "config", "method", "limit", "range-images", "ibc-images",
                "granularity", "weights", "match", "keep-dead-channels", "workers", "threads",
                "resume", "json",
            ] {
                #expect(calibrate.contains("--" + flag))
            }
        }
    }
}
