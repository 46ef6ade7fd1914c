// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Imaging
import Quantization
import Settings
import Testing

/// A file with the keys that have no default.
let minimal = "model: m.onnx\nimages: photos\nout: results\n"

func resolve(_ yaml: String, _ set: (inout PartialConfiguration) -> Void = { _ in }) throws
    -> Configuration
{
    var flags = PartialConfiguration()
    set(&flags)
    return try PartialConfiguration(yaml: yaml, file: "run.yaml").merging(flags: flags).resolved()
}

/// The form `run.json` holds, which is a valid configuration file itself.
private func json(_ configuration: Configuration, pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return String(decoding: try encoder.encode(configuration), as: UTF8.self)
}

func problem(_ yaml: String, _ set: (inout PartialConfiguration) -> Void = { _ in }) -> String? {
    #expect(throws: SettingsError.self) { try resolve(yaml, set) }?.description
}

@Suite struct ResolutionTests {
    @Test func defaults() throws {
        #expect(
            try resolve(minimal).describe() == """
                model: m.onnx
                quantized: none
                input_shape: none
                images: photos
                out: results
                method: ibc
                limit: all
                range_images: 64
                ibc_images: 64
                shard_images: 2
                guard_images: none
                weights.granularity: channel
                weights.scheme: symmetric
                weights.bits: 8
                weights.scale: minmax
                weights.type: auto
                weights.saturation: avoid
                activations.type: uint8
                activations.range: minmax
                activations.percentile: 99.99
                output.quantized: true
                dead_channels.remove: true
                equalization: none
                match: post
                match_iterations: 3
                bft.images: 1000
                bft.mirror: true
                bft.epochs: 2
                bft.batch: 8
                bft.shard_images: 2
                bft.learning_rate: 0.012
                bft.optimizer: adam
                bft.momentum: 0.9
                bft.schedule: cosine
                bft.step_epochs: 1
                bft.step_factor: 0.1
                bft.warmup: 0.1
                bft.loss: kl
                bft.temperature: 6
                bft.validation: 0.1
                bft.patience: 0
                bft.seed: 1
                preprocessing.resize_short_side: derived
                preprocessing.crop: model_input
                preprocessing.geometry: torchvision
                preprocessing.interpolation: bilinear
                preprocessing.channel_order: rgb
                preprocessing.mean: [127.5]
                preprocessing.std: [127.5]
                preprocessing.exif_orientation: ignore
                labels.file: none
                labels.offset: 0
                cluster.workers: 2
                cluster.threads: 1
                cluster.listen: none
                cluster.lease_seconds: 2.5
                cluster.shard_lease_seconds: 60
                cluster.audit: 0
                skip_bad_images: false
                """)
    }

    /// Every key with a value that is not its default.
    static let everything = """
        model: a.onnx
        quantized: d.onnx
        input_shape: y=1x1x28x28,x=2x3x8x9
        images: b
        out: c
        method: bft
        limit: 100
        range_images: 32
        ibc_images: 16
        shard_images: 4
        guard_images: 6
        weights:
          { granularity: tensor, scheme: asymmetric, bits: 4, scale: mse, type: uint8,
            saturation: allow }
        activations: { type: int8, range: percentile, percentile: 99.5 }
        output: { quantized: false }
        dead_channels: { remove: false }
        equalization: one-step
        match: pre
        match_iterations: 7
        bft:
          { images: 500, mirror: false, epochs: 3, batch: 16, shard_images: 4, learning_rate: 0.5, optimizer: sgd,
            momentum: 0.5, schedule: step, step_epochs: 2, step_factor: 0.5, warmup: 0,
            loss: relative-l2, temperature: 2, validation: 0.2, patience: 3, seed: 7 }
        preprocessing:
          resize_short_side: none
          crop: [192, 224]
          geometry: rounded
          interpolation: bicubic
          channel_order: bgr
          mean: [104, 117, 123]
          std: 1
          exif_orientation: refuse
        labels: { file: labels.csv, offset: 1 }
        cluster:
          { workers: 3, threads: 2, listen: "tcp://127.0.0.1:5555", lease_seconds: 0.5,
            shard_lease_seconds: 5, audit: 0.25 }
        skip_bad_images: true
        """

    @Test func everyKeyIsRead() throws {
        let configuration = try resolve(Self.everything)
        #expect(
            try json(configuration) == """
                {"activations":{"percentile":99.5,"range":"percentile","type":"int8"},"bft":{"batch":16,"epochs":3,\
                "images":500,"learning_rate":0.5,"loss":"relative-l2","mirror":false,"momentum":0.5,\
                "optimizer":"sgd","patience":3,"schedule":"step","seed":7,"shard_images":4,\
                "step_epochs":2,"step_factor":0.5,"temperature":2,"validation":0.2,"warmup":0},\
                "cluster":{"audit":0.25,"lease_seconds":0.5,"listen":"tcp://127.0.0.1:5555",\
                "shard_lease_seconds":5,"threads":2,"workers":3},"dead_channels":{"remove":false},"equalization":"one-step","guard_images":6,"ibc_images":16,"images":"b",\
                "input_shape":"x=2x3x8x9,y=1x1x28x28",\
                "labels":{"file":"labels.csv","offset":1},"limit":100,"match":"pre",\
                "match_iterations":7,"method":"bft","model":"a.onnx",\
                "out":"c","output":{"quantized":false},"preprocessing":{"channel_order":"bgr",\
                "crop":[192,224],"exif_orientation":"refuse","geometry":"rounded","interpolation":"bicubic",\
                "mean":[104,117,123],"resize_short_side":"none","std":[1]},"quantized":"d.onnx","range_images":32,\
                "shard_images":4,"skip_bad_images":true,\
                "weights":{"bits":4,"granularity":"tensor","saturation":"allow","scale":"mse",\
                "scheme":"asymmetric","type":"uint8"}}
                """)
        // Nothing kept its default, so the test above cannot miss a key.
        let defaults = try resolve(minimal).describe().split(separator: "\n")
        let lines = configuration.describe().split(separator: "\n")
        let same = Set(defaults).intersection(lines)
        #expect(same.isEmpty)
    }

    @Test(arguments: [minimal, everything])
    func jsonIsAConfigurationFile(yaml: String) throws {
        let configuration = try resolve(yaml)
        #expect(try resolve(json(configuration)) == configuration)
        #expect(try resolve(json(configuration, pretty: true)) == configuration)
        let data = Data(try json(configuration).utf8)
        #expect(try JSONDecoder().decode(Configuration.self, from: data) == configuration)
    }

    @Test func flagsOverrideTheFile() throws {
        let configuration = try resolve(Self.everything) { flags in
            flags.limit = 5
            flags.weightGranularity = .channel
            flags.method = CorrectionMethods("ibc")
            flags.workers = 9
            flags.removeDeadChannels = true
        }
        var expected = try resolve(Self.everything)
        expected.limit = 5
        expected.weights.granularity = .channel
        expected.method = try #require(CorrectionMethods([.ibc]))
        expected.cluster.workers = 9
        expected.deadChannels.remove = true
        #expect(configuration == expected)
    }

    /// Fine-tuning after IBC has little left to do; alone it has to come from far.
    @Test(arguments: [
        ("none", 2, 0.012), ("ibc", 2, 0.012), ("ibc,bft", 2, 0.012), ("bft", 6, 0.3),
    ])
    func fineTuningAloneHasDefaultsOfItsOwn(method: String, epochs: Int, rate: Double) throws {
        let yaml = minimal + "method: \(method)\n"
        let tensor = "weights: {granularity: tensor}\n"
        let flag = try resolve(minimal + tensor) { $0.method = CorrectionMethods(method) }
        for tuning in [try resolve(yaml + tensor).bft, flag.bft] {
            #expect(tuning.epochs == epochs)
            #expect(tuning.learningRate == rate)
        }
        let perChannel = try resolve(yaml + "weights: {granularity: channel}\n").bft
        #expect(perChannel.epochs == epochs)
        #expect(perChannel.learningRate == min(rate, 0.1))
        let given = try resolve(yaml + "bft: {learning_rate: 0.05}\n") { $0.bftEpochs = 3 }.bft
        #expect(given.epochs == 3)
        #expect(given.learningRate == 0.05)
    }

    @Test func flagsAloneSuffice() throws {
        let configuration = try resolve("") { flags in
            flags.model = "m.onnx"
            flags.images = "photos"
            flags.out = "results"
        }
        #expect(try configuration == resolve(minimal))
    }

    @Test func outIsNeededOnlyByCommandsThatWrite() throws {
        let partial = try PartialConfiguration(yaml: "model: m\nimages: i", file: "run.yaml")
        let configuration = try partial.resolved(requiringOut: false)
        #expect(configuration.out == nil)
        #expect(throws: SettingsError.self) { try configuration.outDirectory() }
        #expect(try resolve(minimal).outDirectory() == "results")
    }

    @Test(arguments: [
        "", "# only a comment\n", "---\n", "weights:\n", "limit:\n", "limit: null\nlabels: ~\n",
        "labels: {file: null}", "{}",
    ])
    func nothingGivenIsNothing(yaml: String) throws {
        #expect(try PartialConfiguration(yaml: yaml, file: "x") == PartialConfiguration())
    }

    @Test func shortForms() throws {
        let preprocessing = try resolve(
            minimal
                + "preprocessing: {crop: 160, resize_short_side: 183, mean: [1], std: [1, 2, 3]}"
        ).preprocessing
        #expect(preprocessing.crop == .size(height: 160, width: 160))
        #expect(preprocessing.resizeShortSide == .pixels(183))
        #expect(preprocessing.mean == [1])
        #expect(preprocessing.std == [1, 2, 3])
    }
}
