// SPDX-License-Identifier: Apache-2.0

import Foundation
import Settings
import TestSupport
import Testing

/// Every message a user can get, literally.
@Suite struct RefusalTests {
    @Test(arguments: [
        ("modle: x", "modle: unknown key; did you mean 'model'?"),
        ("bits: 8", "bits: unknown key; did you mean 'weights.bits'?"),
        ("weights_bits: 8", "weights_bits: unknown key; did you mean 'weights.bits'?"),
        ("weights: {bit: 8}", "weights.bit: unknown key; did you mean 'weights.bits'?"),
        ("weights: {limit: 8}", "weights.limit: unknown key; did you mean 'limit'?"),
        ("rangeimages: 8", "rangeimages: unknown key; did you mean 'range_images'?"),
        (
            "weights: {rounding: up}",
            "weights.rounding: unknown key; valid here: weights.granularity, weights.scheme, "
                + "weights.bits, weights.scale, weights.type, weights.saturation"
        ),
        (
            "output: {quantized: {x: 1}}",
            "output.quantized: 'a mapping' is not valid; expected true or false"
        ),
        (
            "weights: 8",
            "weights: '8' is not valid; expected a mapping of granularity, scheme, bits, scale, "
                + "type, saturation"
        ),
        ("model: ''", "model: '' is not valid; expected a path"),
        ("model:", "model: '' is not valid; expected a path"),
        ("model: [a, b]", "model: '[a, b]' is not valid; expected a path"),
        (
            "input_shape: 1x3x8x8",
            "input_shape: '1x3x8x8' is not valid; expected NAME=1x3x480x640, or several separated "
                + "by commas, or nothing"
        ),
        (
            "input_shape: x=1x0x8x8",
            "input_shape: 'x=1x0x8x8' is not valid; expected NAME=1x3x480x640, or several "
                + "separated by commas, or nothing"
        ),
        ("method: bias", "method: 'bias' is not valid; expected none, ibc, bft or ibc,bft"),
        ("method: 'ibc,ibc'", "method: 'ibc,ibc' is not valid; expected none, ibc, bft or ibc,bft"),
        ("method: 'bft,ibc'", "method: 'bft,ibc' is not valid; expected none, ibc, bft or ibc,bft"),
        (
            "method: 'none,ibc'",
            "method: 'none,ibc' is not valid; expected none, ibc, bft or ibc,bft"
        ),
        (
            "limit: 0",
            "limit: '0' is not valid; expected an integer from 1 to 1000000000, or nothing"
        ),
        (
            "range_images: many",
            "range_images: 'many' is not valid; expected an integer from 1 to 1000000000"
        ),
        (
            "ibc_images: 2.5",
            "ibc_images: '2.5' is not valid; expected an integer from 1 to 1000000000"
        ),
        (
            "ibc_images: '8'",
            "ibc_images: '8' is not valid; expected an integer from 1 to 1000000000"
        ),
        (
            "ibc_images: 99999999999999999999",
            "ibc_images: '99999999999999999999' is not valid; expected an integer from 1 to "
                + "1000000000"
        ),
        ("shard_images: 0", "shard_images: '0' is not valid; expected an integer from 1 to 65536"),
        (
            "weights: {granularity: layer}",
            "weights.granularity: 'layer' is not valid; expected tensor or channel"
        ),
        (
            "weights: {scheme: affine}",
            "weights.scheme: 'affine' is not valid; expected asymmetric or symmetric"
        ),
        ("weights: {bits: 3}", "weights.bits: '3' is not valid; expected an integer from 4 to 8"),
        ("weights: {bits: 9}", "weights.bits: '9' is not valid; expected an integer from 4 to 8"),
        (
            "activations: {type: float}",
            "activations.type: 'float' is not valid; expected uint8 or int8"
        ),
        (
            "activations: {range: entropy}",
            "activations.range: 'entropy' is not valid; expected minmax, percentile or mse"
        ),
        (
            "activations: {percentile: 50}",
            "activations.percentile: '50' is not valid; expected a number above 50, at most 100"
        ),
        (
            "weights: {scale: output}",
            "weights.scale: 'output' is not valid; expected minmax, mse or output-mse"
        ),
        (
            "weights: {type: int4}",
            "weights.type: 'int4' is not valid; expected auto, int8 or uint8"
        ),
        (
            "weights: {saturation: none}",
            "weights.saturation: 'none' is not valid; expected avoid or allow"
        ),
        (
            "equalization: yes",
            "equalization: 'yes' is not valid; expected none, one-step, cross-layer or "
                + "least-noise"
        ),
        ("skip_bad_images: yes", "skip_bad_images: 'yes' is not valid; expected true or false"),
        (
            "dead_channels: {remove: 1}",
            "dead_channels.remove: '1' is not valid; expected true or false"
        ),
        ("match: both", "match: 'both' is not valid; expected pre or post"),
        (
            "match_iterations: 101",
            "match_iterations: '101' is not valid; expected an integer from 1 to 100"
        ),
        (
            "bft: { learning_rate: 0 }",
            "bft.learning_rate: '0' is not valid; expected a number above 0"
        ),
        (
            "bft: { learning_rate: .nan }",
            "bft.learning_rate: '.nan' is not valid; expected a number above 0"
        ),
        (
            "bft: { learning_rate: 1e999 }",
            "bft.learning_rate: '1e999' is not valid; expected a number above 0"
        ),
        (
            "preprocessing: {resize_short_side: 0}",
            "preprocessing.resize_short_side: '0' is not valid; expected an integer from 1 to "
                + "16384, none or derived"
        ),
        (
            "preprocessing: {crop: [224]}",
            "preprocessing.crop: '[224]' is not valid; expected an integer from 1 to 16384, "
                + "[height, width] or model_input"
        ),
        (
            "preprocessing: {crop: [224, 0]}",
            "preprocessing.crop: '[224, 0]' is not valid; expected an integer from 1 to 16384, "
                + "[height, width] or model_input"
        ),
        (
            "preprocessing: {interpolation: nearest}",
            "preprocessing.interpolation: 'nearest' is not valid; expected bilinear or bicubic"
        ),
        (
            "preprocessing: {channel_order: gbr}",
            "preprocessing.channel_order: 'gbr' is not valid; expected rgb or bgr"
        ),
        (
            "preprocessing: {mean: []}",
            "preprocessing.mean: '[]' is not valid; expected one number or a list of one per channel"
        ),
        (
            "preprocessing: {mean: [1, x, 3]}",
            "preprocessing.mean: '[1, x, 3]' is not valid; expected one number or a list of one per "
                + "channel"
        ),
        (
            "preprocessing: {std: [1, 0, 3]}",
            "preprocessing.std: '[1, 0, 3]' is not valid; expected one number above 0 or a list "
                + "of one per channel"
        ),
        (
            "preprocessing: {exif_orientation: rotate}",
            "preprocessing.exif_orientation: 'rotate' is not valid; expected ignore, apply or "
                + "refuse"
        ),
        (
            "labels: {offset: 1001}",
            "labels.offset: '1001' is not valid; expected an integer from -1000 to 1000"
        ),
        (
            "cluster: {workers: 0}",
            "cluster.workers: '0' is not valid; expected an integer from 1 to 1024"
        ),
        (
            "cluster: {threads: -1}",
            "cluster.threads: '-1' is not valid; expected an integer from 1 to 1024"
        ),
        (
            "cluster: {listen: 'tcp://host'}",
            "cluster.listen: 'tcp://host' is not valid; expected tcp://HOST:PORT or ipc://PATH, "
                + "or nothing"
        ),
        (
            "cluster: {lease_seconds: 0}",
            "cluster.lease_seconds: '0' is not valid; expected a number from 0.1 to 3600"
        ),
    ])
    func value(yaml: String, message: String) {
        #expect(problem("# a comment\n" + yaml) == "run.yaml:2: " + message)
    }

    @Test(arguments: [
        ("tcp://127.0.0.1:5555", true), ("tcp://[::1]:1", true), ("tcp://*:65535", true),
        ("tcp://a:*", true), ("tcp://a:0", true), ("tcp://a:00", true),
        ("ipc:///tmp/x", true), ("tcp://:5555", false), ("tcp://a:-0", false),
        ("tcp://a:65536", false), ("tcp://a:x", false), ("tcp://a:", false), ("ipc://", false),
        ("tcp://a b:1", false), ("inproc://x", false), ("", false),
        ("ipc://" + String(repeating: "x", count: 108), false),
    ])
    func endpoints(text: String, isValid: Bool) {
        var flags = PartialConfiguration()
        flags.model = "m"
        flags.images = "i"
        flags.out = "o"
        flags.listen = text
        #expect(((try? flags.resolved()) != nil) == isValid)
    }

    @Test func lineIsThatOfTheValue() {
        #expect(
            problem("weights:\n  scheme: symmetric\n  bits:\n    12\n")
                == "run.yaml:4: weights.bits: '12' is not valid; expected an integer from 4 to 8")
    }

    @Test(arguments: [
        ("limit: 1\nlimit: 2\n", "limit: given more than once"),
        ("weights: {bits: 8, bits: 7}", "bits: given more than once"),
    ])
    func duplicates(yaml: String, message: String) {
        #expect(problem(yaml)?.hasSuffix(message) == true)
    }

    @Test(arguments: [
        "- a\n- b\n", "text", "a: [", "a: b: c", "\ta: 1", "a: *nowhere", "a: 1\n---\nb: 2\n",
        String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
        "\u{0}", "a: \"\\xZZ\"", "? [a]\n: 1", "%YAML 9.9\n---\na: 1",
    ])
    func notAConfiguration(yaml: String) throws {
        let error = #expect(throws: SettingsError.self) {
            try PartialConfiguration(yaml: yaml, file: "run.yaml")
        }
        #expect(error?.file == "run.yaml")
    }

    @Test(arguments: TestSeed.values(30))
    func mutations(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let symbols = Array("{}[]:,-&*!|>'\"%@`#\n\t 09ae~\\")
        for _ in 0..<40 {
            var text = Array(ResolutionTests.everything)
            for _ in 0...random(5) {
                text.insert(symbols[random(symbols.count)], at: random(text.count))
            }
            // Either outcome will do; it must not trap, and a success must resolve or say why.
            do throws(SettingsError) {
                _ = try PartialConfiguration(yaml: String(text), file: "run.yaml").resolved()
            } catch {
                #expect(!error.description.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test func missingKeys() {
        #expect(
            problem("") == "configuration: model: missing; set it in the configuration file or "
                + "with --model")
        #expect(problem("model: m")?.contains(": images: missing") == true)
        #expect(problem("model: m\nimages: i")?.contains(": out: missing") == true)
    }

    @Test func flagsAreValidatedToo() {
        #expect(
            problem(minimal) { $0.weightBits = 2 }
                == "configuration: weights.bits: '2' is not valid; expected an integer from 4 to 8")
        #expect(
            problem(minimal) { $0.std = [1, -1, 1] }
                == "configuration: preprocessing.std: '[1, -1, 1]' is not valid; expected one "
                + "number above 0 or a list of one per channel")
        #expect(
            problem(minimal) { $0.bftLearningRate = .nan }
                == "configuration: bft.learning_rate: 'nan' is not valid; expected a number above 0"
        )
    }

    @Test func asymmetricWeightsAreNoInt8() throws {
        #expect(
            problem(minimal + "weights: {scheme: asymmetric, type: int8}")
                == "configuration: weights.type: asymmetric weights are uint8; leave weights.type out, "
                + "or choose weights.scheme: symmetric")
        for type in ["auto", "uint8"] {
            _ = try resolve(minimal + "weights: {scheme: asymmetric, type: \(type)}")
        }
    }

    @Test func cropLargerThanTheResizedImage() {
        #expect(
            problem(minimal + "preprocessing: {resize_short_side: 200, crop: 224}")
                == "configuration: preprocessing.crop: 224×224 does not fit into an image whose "
                + "shorter side is resized to 200; enlarge preprocessing.resize_short_side")
        // The longer side of an image may be larger than the shorter one.
        #expect(throws: Never.self) {
            try resolve(minimal + "preprocessing: {resize_short_side: 200, crop: [200, 300]}")
        }
    }

    @Test func files() throws {
        let missing = #expect(throws: SettingsError.self) {
            try PartialConfiguration(contentsOf: "/nonexistent.yaml")
        }
        #expect(
            missing?.description
                == "/nonexistent.yaml: cannot read the file: No such file or directory")
        let directory = #expect(throws: SettingsError.self) {
            try PartialConfiguration(contentsOf: "/tmp")
        }
        #expect(directory?.description == "/tmp: cannot read the file: Is a directory")

        let url = FileManager.default.temporaryDirectory
            .appending(path: "counterbias-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(minimal.utf8).write(to: url)
        #expect(try PartialConfiguration(contentsOf: url.path).model == "m.onnx")
        try Data([0x61, 0x3A, 0xFF]).write(to: url)
        #expect(throws: SettingsError.self) { try PartialConfiguration(contentsOf: url.path) }
        try Data(count: PartialConfiguration.maximumFileBytes + 1).write(to: url)
        let large = #expect(throws: SettingsError.self) {
            try PartialConfiguration(contentsOf: url.path)
        }
        #expect(large?.code == .unreadable("it is larger than 1048576 bytes"))
        // Neither waits for somebody who writes nor reads without end.
        try FileManager.default.removeItem(at: url)
        #expect(mkfifo(url.path, 0o600) == 0)
        for path in [url.path, "/dev/zero"] {
            let special = #expect(throws: SettingsError.self) {
                try PartialConfiguration(contentsOf: path)
            }
            #expect(special?.code == .unreadable("not a regular file"))
        }
    }
}
