// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// What runs make of images, and what they say of it.
    @Suite(.serialized) struct Inputs {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func calibrate(_ extra: String...) throws -> ChildProcess.Outcome {
            let run = try ChildProcess.run(
                ["calibrate"] + Example.flags(out: out) + ["--method", "none"] + extra)
            #expect(run.status == 0, "\(run.log)")
            return run
        }

        private func evaluate(_ extra: String...) throws -> ChildProcess.Outcome {
            let run = try ChildProcess.run(
                [
                    "evaluate", "--model", Example.model, "--quantized", out + "/model.int8.onnx",
                    "--json",
                ] + extra)
            #expect(run.status == 0, "\(run.log)")
            return run
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(
                JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        private func summary() throws -> [String: Any] {
            try object(String(contentsOfFile: out + "/run.json", encoding: .utf8))
        }

        private func warnings(_ run: [String: Any]) -> [String] {
            run["warnings"] as? [String] ?? []
        }

        /// A configuration with the example's `preprocessing` replaced.
        private func configuration(_ preprocessing: String) throws -> String {
            try scratch.write(
                "model: \(Example.model)\nimages: \(Example.images)\npreprocessing: "
                    + "\(preprocessing)\n", to: "pixels.yaml")
        }

        @Test func pixelsAreSaidAndCarriedByTheModel() throws {
            let config = try configuration(
                "{resize_short_side: none, mean: [100, 110, 120], std: 64, channel_order: bgr}")
            let run = try calibrate("--config", config)
            let made = "crop 28×28, BGR, (x - [100, 110, 120]) / 64"
            #expect(run.log.contains("pixels") && run.log.contains(made), "\(run.log)")
            #expect(run.log.contains("from=\(config)"), "\(run.log)")
            let pixels = try #require(try summary()["pixels"] as? [String: Any])
            #expect(pixels["summary"] as? String == made)
            let sources = (pixels["origin"] as? [String: Any])?["sources"] as? [String: String]
            #expect(sources?["mean"] == config && sources?["geometry"] == "default")

            // The metadata entry is a configuration's section: with it, and without any, the same
            // numbers.
            let bytes = try scratch.bytes("out/model.int8.onnx")
            let entry =
                #"{"channel_order":"bgr","crop":[28,28],"exif_orientation":"ignore","#
                + #""geometry":"torchvision","interpolation":"bilinear","mean":[100,110,120],"#
                + #""resize_short_side":"none","std":[64]}"#
            #expect(bytes.range(of: Data(entry.utf8)) != nil)
            let images = ["--images", "example/evaluation", "--limit", "8"]
            let own = try evaluate(images[0], images[1], images[2], images[3])
            #expect(own.log.contains("from=model metadata"), "\(own.log)")
            let same = try evaluate(
                "--config", configuration(entry), images[0], images[1], images[2], images[3])
            let other = try evaluate(
                "--config", Example.config, images[0], images[1], images[2], images[3])
            let numbers = try [own, same, other].map {
                try #require(try object($0.output)["sqnr_db"] as? Double)
            }
            #expect(numbers[0] == numbers[1] && numbers[0] != numbers[2], "\(numbers)")

            // As a given quantization it is corrected with what this run says, which had better be
            // the same.
            let given = ["--quantized", out + "/model.int8.onnx", "--out", scratch("corrected")]
            for (file, isOther) in [(Example.config, true), (config, false)] {
                let run = try ChildProcess.run(
                    ["calibrate"]
                        + ["--config", file, "--model", Example.model, "--images", Example.images]
                        + ["--limit", "8", "--ibc-images", "8"] + given)
                #expect(run.status == 0, "\(run.log)")
                #expect(run.log.contains("was made with other preprocessing") == isOther)
            }
        }

        @Test(arguments: [
            (
                "{resize_short_side: none, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}",
                "mean and std are in units of 8-bit pixels, 0 to 255, but not above 1; multiply by 255: mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]"
            ),
            (
                "{resize_short_side: none, mean: 0.5, std: 1}",
                "multiply by 255: mean: 127.5, std: 255"
            ),
            (
                "{resize_short_side: none, mean: [123.675, 116.28, 103.53], std: 0.25}",
                "preprocessing.std is in units of 8-bit pixels, 0 to 255, but not above 1; multiply by 255: std: 63.75"
            ),
            ("{resize_short_side: none, mean: 127}", "mean is given without std"),
            ("{resize_short_side: none, std: 127}", "std is given without mean"),
        ])
        func preprocessingThatIsProbablyNotMeant(preprocessing: String, warning: String) throws {
            let run = try calibrate("--config", configuration(preprocessing))
            #expect(run.log.contains("check the input") && run.log.contains(warning), "\(run.log)")
            #expect(try warnings(summary()).contains { $0.contains(warning) })
        }

        /// Networks that normalize inside take pixels as they are; that and the defaults are no
        /// mistakes.
        @Test(arguments: [
            "{resize_short_side: none, mean: 0, std: 1}", "{resize_short_side: none}",
        ])
        func preprocessingWithoutWarnings(preprocessing: String) throws {
            let run = try calibrate("--config", configuration(preprocessing))
            #expect(!run.log.contains("check the input"), "\(run.log)")
        }

        @Test func meansFitTheModelsChannels() throws {
            let config = try configuration("{resize_short_side: none, mean: [1, 2, 3, 4]}")
            let run = try ChildProcess.run(
                ["calibrate"] + Example.flags(out: out, config: config))
            #expect(run.status == 78)
            #expect(
                run.log.contains("preprocessing.mean has 4 values")
                    && run.log.contains("3 channels"),
                "\(run.log)")
        }

        @Test func whatIsLeftOutIsSaid() throws {
            let folder = try scratch.folder("images")
            let example = Binary.root.appendingPathComponent(Example.images).path
            for index in 0..<4 {
                try scratch.copy("\(example)/c00\(index).png", to: "images/c00\(index).png")
            }
            for name in ["n01440764/x", "n01443537/x"] { try scratch.folder("images/" + name) }
            for name in ["a.webp", "b.gif", "labels.csv"] {
                try scratch.write("", to: "images/" + name)
            }
            #expect(mkfifo(folder + "/pipe.png", 0o600) == 0)
            #expect(symlink("nowhere", folder + "/broken.png") == 0)
            let run = try calibrate("--images", folder)
            let counts =
                "2 sub-folders, 1 webp, 1 gif, 1 broken link, 1 pipe, socket or device, 1 other file"
            #expect(run.log.contains("left out \(counts)"), "\(run.log)")
            #expect(
                run.log.contains("only 4 images with limit 8 for range_images 8;"), "\(run.log)")
            let summary = try summary()
            let leftOut = try #require(summary["leftOut"] as? [String: Any])
            let byKind = leftOut["counts"] as? [String: Int]
            #expect(byKind?["sub-folder"] == 2 && byKind?["pipe, socket or device"] == 1)
            let files = leftOut["files"] as? [[String: String]]
            #expect(files?.count == 7)
            #expect(files?.first == ["file": "a.webp", "kind": "webp"])
            #expect(warnings(summary).contains { $0.contains("sub-folders are not searched") })
        }

        @Test func foldersOfFoldersAreErrorsWithARemedy() throws {
            try scratch.folder("images/n01440764")
            let run = try ChildProcess.run(
                ["calibrate"] + Example.flags(out: out) + ["--images", scratch("images")])
            #expect(run.status == 65)
            #expect(run.log.contains("1 sub-folder; sub-folders are not searched"), "\(run.log)")
        }

        @Test func imagesThatAreAllAlike() throws {
            let example = Binary.root.appendingPathComponent(Example.images).path
            try scratch.folder("images")
            for index in 0..<8 {
                try scratch.copy("\(example)/c000.png", to: "images/\(index).png")
            }
            let run = try calibrate("--images", scratch("images"))
            #expect(run.log.contains("all 8 images have the same pixels"), "\(run.log)")
        }

        /// Samples in one array, in two, or in files of their own, channels first or last: the same
        /// job.
        @Test func arraysOfSamples() throws {
            let size = 3 * 28 * 28
            let samples = (0..<8).map { sample in
                (0..<size).map { UInt8(truncatingIfNeeded: ($0 &* 31 + sample &* 97) ^ ($0 >> 3)) }
            }
            func planes(_ sample: [UInt8]) -> [UInt8] {
                (0..<3).flatMap { channel in (0..<28 * 28).map { sample[$0 * 3 + channel] } }
            }
            func biases(_ name: String, _ files: [String: Data]) throws -> Results {
                try scratch.folder(name)
                for (file, data) in files {
                    try data.write(to: URL(fileURLWithPath: scratch("\(name)/\(file)")))
                }
                let run = try ChildProcess.run(
                    ["calibrate"] + Example.flags(out: scratch("out-" + name))
                        + ["--images", scratch(name)])
                #expect(run.status == 0, "\(run.log)")
                return try Results(in: scratch("out-" + name))
            }
            let single = try biases(
                "single",
                Dictionary(
                    uniqueKeysWithValues: samples.enumerated().map {
                        ("\($0).npy", NumpyArray.data("|u1", [28, 28, 3], $1))
                    }))
            let whole = try biases(
                "whole",
                ["all.npy": NumpyArray.data("|u1", [8, 3, 28, 28], samples.flatMap(planes))])
            let parts = try biases(
                "parts",
                [
                    "a.npy": NumpyArray.data("|u1", [5, 28, 28, 3], samples[..<5].joined()),
                    "b.npy": NumpyArray.data("|u1", [3, 3, 28, 28], samples[5...].flatMap(planes)),
                ])
            #expect(single == whole)
            #expect(single == parts)
        }

        @Test func arraysOfPixelsThatAreNotBytes() throws {
            try scratch.folder("images")
            for index in 0..<8 {
                let values = (0..<3 * 28 * 28).map { Int64(($0 &* 7 + index) & 255) }
                try NumpyArray.data("<i8", [28, 28, 3], values.withUnsafeBytes { Array($0) })
                    .write(to: URL(fileURLWithPath: scratch("images/\(index).npy")))
            }
            let run = try calibrate("--images", scratch("images"))
            #expect(run.log.contains("save pixels as uint8"), "\(run.log)")
            #expect(run.log.contains("arrays are taken as they are"), "\(run.log)")
            let pixels = try summary()["pixels"] as? [String: Any]
            #expect(pixels?["arrays"] as? Int == 8)
        }

        @Test func labelsWithAnotherOffset() throws {
            _ = try calibrate()
            let folder = Binary.root.appendingPathComponent("example/evaluation").path
            let table = try String(
                contentsOf: Binary.root.appendingPathComponent(Example.labels), encoding: .utf8)
            try scratch.folder("images")
            var shifted = "\u{FEFF}file,class_index\r\n"
            for line in table.split(separator: "\n").dropFirst().prefix(60) {
                let cells = line.split(separator: ",").map(String.init)
                let digit = try #require(Int(cells[1]))
                guard digit > 0, FileManager.default.fileExists(atPath: "\(folder)/\(cells[0])")
                else { continue }
                try scratch.copy("\(folder)/\(cells[0])", to: "images/\(cells[0])")
                shifted += "\(cells[0]),\(digit - 1)\r\n"
            }
            let labels = try scratch.write(shifted, to: "labels.csv")
            let run = try evaluate("--images", scratch("images"), "--labels", labels)
            let said = "set labels.offset to 1, with which it is right on"
            #expect(run.log.contains(said), "\(run.log)")
            #expect(try warnings(object(run.output)).contains { $0.contains(said) })
            // With a byte order mark and line ends of another system, as the labels.
            let config = try scratch.write(
                "\u{FEFF}model: m\r\nlabels:\r\n  offset: 1\r\n", to: "offset.yaml")
            let right = try evaluate(
                "--images", scratch("images"), "--labels", labels, "--config", config)
            #expect(try warnings(object(right.output)) == [], "\(right.log)")
            let float = try object(right.output)["float"] as? [String: Double]
            #expect((float?["top1"] ?? 0) > 0.9)
        }
    }
}
