// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import QDQ
import Quantization
import TestSupport
import Testing

extension EndToEnd {
    /// Everything a user can get wrong: one line that names it, and the documented exit code.
    @Suite(.serialized) struct UserErrors {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func expect(
            _ status: Int32, _ messages: String..., from arguments: [String],
            at location: SourceLocation = #_sourceLocation
        ) throws {
            let outcome = try ChildProcess.run(arguments)
            #expect(outcome.status == status, "\(outcome.log)", sourceLocation: location)
            for message in messages {
                #expect(
                    outcome.log.contains(message), "\(message) in: \(outcome.log)",
                    sourceLocation: location)
            }
            #expect(
                !scratch.exists("out"), "a refused job leaves nothing", sourceLocation: location)
        }

        private func calibrate(_ extra: String...) -> [String] {
            ["calibrate"] + Example.flags(out: out) + extra
        }

        @Test func models() throws {
            let missing = scratch("missing.onnx")
            try expect(65, missing, "cannot be read", from: calibrate("--model", missing))
            let text = try scratch.write("not a model", to: "text.onnx")
            try expect(65, text, "is not an ONNX model", from: calibrate("--model", text))
            try expect(65, text, "is not an ONNX model", from: ["inspect", text])
        }

        @Test func unsupportedOperators() throws {
            let path = Binary.root.appendingPathComponent("example/digits.onnx").path
            var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let (clip, gelu) = (Array("\u{4}Clip".utf8), Array("\u{4}Gelu".utf8))
            let place = try #require(
                bytes.indices.first { bytes[$0...].starts(with: clip) })
            bytes.replaceSubrange(place..<place + clip.count, with: gelu)
            let model = scratch("gelu.onnx")
            try Data(bytes).write(to: URL(fileURLWithPath: model))
            try expect(65, model, "Gelu", "node", from: calibrate("--model", model))
        }

        /// Nothing is computed for a job whose result could not be written.
        @Test func whatCannotBeWrittenIsRefusedFirst() throws {
            let model = "Tests/Fixtures/onnx/averagepool_dilated.onnx"
            try expect(
                65, model, "AveragePool has no dilation",
                from: ["calibrate", "--model", model, "--images", scratch("none"), "--out", out])
            try expect(65, "AveragePool has no dilation", from: ["inspect", model])
            // A folder that is there stays as it is.
            let kept = try scratch.folder("kept")
            try scratch.write("mine", to: "kept/notes.txt")
            let outcome = try ChildProcess.run(
                "calibrate", "--model", model, "--images", scratch("none"), "--out", kept)
            #expect(outcome.status == 65, "\(outcome.log)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: kept) == ["notes.txt"])
            let status = try ChildProcess.run("status", kept)
            #expect(status.status == 66, "\(status.log)")
        }

        @Test func refusalsListEverythingByKind() throws {
            let model = "Tests/Fixtures/foreign/mobile.ort-unfolded.onnx"
            let outcome = try ChildProcess.run("inspect", model, "--json")
            #expect(outcome.status == 65, "\(outcome.log)")
            let refusal = try #require(
                JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect((refusal["error"] as? String)?.contains("quantized already") == true)
            #expect(refusal["obstacles"] as? [[String: String]] == [])
        }

        @Test func swappedModels() throws {
            let (float, quantized) = (
                "Tests/Fixtures/foreign/mobile.onnx",
                "Tests/Fixtures/foreign/mobile.nncf-mixed.onnx"
            )
            let images = ["--images", scratch("none")]
            try expect(
                65, quantized, "quantized already", "--quantized",
                from: ["calibrate", "--model", quantized, "--out", out] + images)
            try expect(
                65, float, "is a float model", "--model",
                from: ["calibrate", "--model", float, "--quantized", float, "--out", out] + images)
        }

        @Test func folders() throws {
            let empty = try scratch.folder("empty")
            try expect(65, empty, "no images", from: calibrate("--images", empty))
            try expect(
                65, scratch("nowhere"), "cannot be read",
                from: calibrate("--images", scratch("nowhere")))
            let file = try scratch.write("", to: "file")
            try expect(
                73, file, "is a file", from: ["calibrate"] + Example.flags(out: file + "/out"))
            try expect(73, file, "is a file", from: ["calibrate"] + Example.flags(out: file))
            let models = try scratch.folder("models")
            try expect(65, models, "is a folder", from: calibrate("--model", models))
            try expect(
                65, models, "is a folder",
                from: [
                    "calibrate", "--model", Example.model, "--quantized", models, "--images",
                    Example.images, "--out", out,
                ])
        }

        @Test func damagedImages() throws {
            let images = try scratch.folder("images")
            let folder = Binary.root.appendingPathComponent(Example.images).path
            for index in 0..<4 {
                try scratch.copy("\(folder)/c00\(index).png", to: "images/c00\(index).png")
            }
            let whole = try scratch.bytes("images/c001.png")
            try whole.prefix(whole.count / 2)
                .write(to: URL(fileURLWithPath: scratch("images/c001.png")))
            try expect(
                65, "c001.png", "--skip-bad-images", from: calibrate("--images", images))
            let skipping = try ChildProcess.run(
                calibrate("--images", images, "--skip-bad-images", "--json"))
            #expect(skipping.status == 0, "\(skipping.log)")
            #expect(skipping.log.contains("image skipped") && skipping.log.contains("c001.png"))
            for text in [
                skipping.output, try String(contentsOfFile: out + "/run.json", encoding: .utf8),
            ] {
                let run = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                let skipped = run?["skippedImages"] as? [[String: String]]
                #expect(skipped?.map { $0["file"] } == ["c001.png"])
                #expect(run?["images"] as? Int == 3)
            }
        }

        @Test func arguments() throws {
            let config = try Example.configuration(["ibc_images:": "ibc_image:"], in: scratch)
            let flags = Example.flags(out: out, config: config)
            try expect(78, config, "ibc_image", "ibc_images", from: ["calibrate"] + flags)
            try expect(78, "nothing.yaml", from: calibrate("--config", scratch("nothing.yaml")))
            try expect(64, "--method", "magic", from: calibrate("--method", "magic"))
            try expect(64, "--granularity", from: calibrate("--granularity", "pixel"))
            try expect(64, "--colour", from: calibrate("--colour"))
            try expect(78, "limit", from: calibrate("--limit", "0"))
            try expect(64, "--listen", from: ["coordinator"] + Example.flags(out: out))
            try expect(
                64, "--threads",
                from: ["worker", "--connect", "tcp://127.0.0.1:1", "--threads", "0"])
        }

        @Test func labels() throws {
            #expect(try ChildProcess.run(calibrate("--method", "none")).status == 0)
            func evaluate(_ labels: String, _ status: Int32, _ messages: String...) throws {
                let file = try scratch.write(labels, to: "labels.csv")
                let outcome = try ChildProcess.run(
                    "evaluate", "--config", Example.config, "--model", Example.model, "--quantized",
                    out + "/model.int8.onnx", "--images", "example/evaluation", "--limit", "2",
                    "--labels", file)
                #expect(outcome.status == status, "\(outcome.log)")
                for message in messages {
                    #expect(outcome.log.contains(message), "\(message) in: \(outcome.log)")
                }
            }
            let folder = Binary.root.appendingPathComponent("example/evaluation").path
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            let good = "file,class_index\n\(names[0]),1\n"
            try evaluate(good + "\(names[1]),9\n", 0)
            try evaluate("name,digit\n", 65, "labels.csv, line 1", "class_index")
            try evaluate(good + "\(names[1]),seven\n", 65, "labels.csv, line 3", "seven")
            try evaluate(good + "\(names[0]),2\n", 65, "labels.csv, line 3", "twice")
            try evaluate(good, 65, "no label for '\(names[1])'")
            try evaluate(good + "\(names[1]),10\n", 65, "class 10", "10 classes")
        }

        @Test func filesTheExecutorCannotRun() throws {
            var small = SmallNetwork(input: TensorShape(height: 2, width: 2, channels: 3), seed: 1)
            small.append(.add, [0, 0], shape: small.input)
            let graph = small.network(rank: 4).graph
            let network = QuantizedNetwork(
                graph: graph, parameters: [nil],
                activations: [TensorQuantization(scale: 1, zeroPoint: 0, type: .uint8), nil])
            try QDQModel.write(network, to: scratch("sum.onnx"))
            let outcome = try ChildProcess.run(
                "evaluate", "--model", Example.model, "--quantized", scratch("sum.onnx"),
                "--images",
                "example/evaluation")
            #expect(outcome.status == 65, "\(outcome.log)")
            #expect(outcome.log.contains("node0") && outcome.log.contains("float output"))
        }

        @Test func modelsThatDoNotBelongTogether() throws {
            #expect(try ChildProcess.run(calibrate("--method", "none")).status == 0)
            let quantized = out + "/model.int8.onnx"
            let foreign = "Tests/Fixtures/onnx/add_twice_same.onnx"
            let float = try ChildProcess.run(
                "evaluate", "--model", Example.model, "--quantized", Example.model, "--images",
                "example/evaluation")
            #expect(float.status == 65, "\(float.log)")
            #expect(float.log.contains(Example.model), "\(float.log)")
            let other = try ChildProcess.run(
                "evaluate", "--model", foreign, "--quantized", quantized, "--images",
                "example/evaluation")
            #expect(other.status == 65, "\(other.log)")
            #expect(other.log.contains("do not belong together"), "\(other.log)")
        }
    }
}
