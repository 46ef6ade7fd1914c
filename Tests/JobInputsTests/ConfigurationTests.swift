// SPDX-License-Identifier: Apache-2.0

import Calibration
import Imaging
import JobInputs
import NetworkGraph
import Quantization
import Settings
import Testing

@Suite struct ConfigurationTests {
    private func configuration(_ yaml: String = "") throws -> Configuration {
        var files = PartialConfiguration()
        (files.model, files.images) = ("m.onnx", "images")
        return try PartialConfiguration(yaml: yaml, file: "f.yaml").merging(flags: files)
            .resolved(requiringOut: false)
    }

    @Test func everyChoiceReachesTheJob() throws {
        let options = CalibrationOptions(
            try configuration(
                """
                method: ibc,bft
                range_images: 5
                weights: {granularity: tensor, scheme: asymmetric, bits: 5, scale: output-mse}
                activations: {type: int8, range: percentile, percentile: 99.5}
                equalization: least-noise
                match: post
                match_iterations: 7
                dead_channels: {remove: false}
                output: {quantized: false}
                bft: {loss: relative-l2, optimizer: sgd, momentum: 0.5, schedule: step, seed: 4}
                """), isQuantized: false)
        #expect(options.scheme.granularity == .tensor)
        #expect(options.scheme.symmetry == .asymmetric)
        #expect(options.scheme.weightBits == 5)
        #expect(options.scheme.weightScale == .outputMSE)
        #expect(options.scheme.activationType == .int8)
        #expect(!options.scheme.quantizesOutput)
        #expect(options.range == .percentile(99.5))
        #expect(options.equalization == .leastNoise)
        #expect(options.correction == CorrectionOptions(match: .post, iterations: 7))
        #expect(options.rangeImages == 5)
        #expect(!options.removesDeadChannels)
        #expect(options.tuning?.loss == .relativeL2)
        #expect(options.tuning?.optimizer == .sgd(momentum: 0.5))
        #expect(options.tuning?.seed == 4)
    }

    @Test func aGivenQuantizationKeepsItsRanges() throws {
        let options = CalibrationOptions(
            try configuration(
                "{ibc_images: 9, activations: {range: mse}, equalization: one-step}"),
            isQuantized: true)
        #expect(options.range == .minmax)
        #expect(options.equalization == nil)
        #expect(!options.removesDeadChannels)
        #expect(options.rangeImages == 9)
        #expect(options.tuning == nil)
    }

    @Test func imagesWantedAreTheMostOfAnyStage() throws {
        var settings = try configuration("{range_images: 3, ibc_images: 7, guard_images: 2}")
        #expect(settings.imagesWanted == 9)
        #expect(settings.imagesAskedFor.map(\.key) == ["range_images", "ibc_images"])
        settings.quantized = "q.onnx"
        #expect(settings.imagesAskedFor.map(\.key) == ["ibc_images"])
        #expect(try settings.rightLogits(of: ["a"], classes: 2) == nil)
    }

    private func input(_ height: Int, _ width: Int, _ channels: Int) -> Graph.Input {
        Graph.Input(
            name: "x", shape: TensorShape(height: height, width: width, channels: channels),
            layout: .nchw)
    }

    @Test func equalMeansFitAnyNumberOfChannels() throws {
        let settings = try configuration("preprocessing: {mean: [7, 7, 7], std: [2]}").preprocessing
        let resolved = try Preprocessing(settings, input: input(28, 28, 1))
        #expect(resolved.mean == [7] && resolved.std == [2])
        #expect(resolved.resizeShortSide == 32 && resolved.cropHeight == 28)
    }

    @Test func whatContradictsTheInputIsNamed() throws {
        let means = try configuration("preprocessing: {mean: [1, 2, 3]}").preprocessing
        let channels = #expect(throws: RunError.self) {
            try Preprocessing(means, input: input(28, 28, 1))
        }
        #expect(channels?.kind == .configuration)
        #expect(channels?.description.contains("preprocessing.mean has 3 values") == true)
        let crop = try configuration("preprocessing: {crop: 24}").preprocessing
        let extent = #expect(throws: RunError.self) {
            try Preprocessing(crop, input: input(28, 28, 3))
        }
        #expect(extent?.description.contains("preprocessing.crop is 24×24") == true)
    }

    @Test func imagesFeedOneInput() throws {
        var graph = Graph(
            name: "g", input: input(2, 2, 1), nodes: [],
            output: Graph.Output(name: "y", value: 0, rank: 4))
        #expect(try graph.imageInput(model: "m.onnx").name == "x")
        graph.inputs.append(input(1, 1, 1))
        let error = #expect(throws: RunError.self) { try graph.imageInput(model: "m.onnx") }
        #expect(error?.description.contains("m.onnx has 2 inputs") == true)
    }
}
