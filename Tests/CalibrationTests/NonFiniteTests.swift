// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Float networks that leave the numbers: a job ends with the statistics, which name the layer,
/// and not when results are written that hold what no file can say.
@Suite struct NonFiniteTests {
    private static let clean = SmallNetwork.everything(seed: 51)
    /// Convolutions whose bias is spoilt: one that a clamp follows, which makes numbers of what is
    /// none, and one without.
    private static let (clamped, plain) = (clean.graph.convolutions[1], clean.graph.convolutions[2])

    private static func cluster(_ bias: Float, of layer: Int) -> LocalCluster {
        var network = clean
        network.parameters[layer]?.bias[2] = bias
        return LocalCluster(
            network: network, images: SmallNetwork.images(6, for: network, seed: 52),
            encoding: SmallNetwork.encoding(for: network))
    }

    private static func expectRefusal(
        _ bias: Float, of layer: Int, _ options: CalibrationOptions,
        given: QuantizedNetwork? = nil, location: SourceLocation = #_sourceLocation
    ) throws {
        let cluster = cluster(bias, of: layer)
        var job = try CalibrationJob(
            network: cluster.network, options: options, imageCount: cluster.images.count,
            inputRange: ActivationRange(lower: -1, upper: 1), given: given)
        let error = #expect(throws: QuantizationError.self, sourceLocation: location) {
            while job.nextRound != nil { try cluster.step(&job) }
        }
        #expect(error?.layer == clean.graph.nodes[layer].name, sourceLocation: location)
        #expect(
            error?.description.contains("the float network itself overflows") == true,
            sourceLocation: location)
        #expect(error?.description.contains("-nan") == false, sourceLocation: location)
        #expect(job.quantized == nil, sourceLocation: location)
    }

    /// Ranges are the given model's, and nothing else asks for those of the float network.
    @Test(arguments: [Float.nan, .infinity, -.infinity], [Match.pre, .post, nil])
    func underAGivenModel(bias: Float, match: Match?) throws {
        let options = CalibrationOptions.test(match: match)
        let given = try #require(
            try Self.cluster(0, of: Self.plain).finish(options).quantized)
        try Self.expectRefusal(bias, of: Self.plain, options, given: given)
        guard match != nil else { return }
        try Self.expectRefusal(bias, of: Self.clamped, options, given: given)
    }

    @Test(arguments: [RangeEstimator.minmax, .mse])
    func withRangesOfItsOwn(range: RangeEstimator) throws {
        var options = CalibrationOptions.test(match: .pre)
        options.range = range
        try Self.expectRefusal(-.nan, of: Self.plain, options)
    }

    /// The ranges come from the first image; a later one leaves the numbers.
    @Test func onImagesOfTheCorrectionAlone() throws {
        let cluster = Self.cluster(0, of: Self.plain)
        var images = cluster.images.map { cluster.encoding.encode($0) }
        images[4] = images[4].map { _ in .greatestFiniteMagnitude }
        var options = CalibrationOptions.test(match: .pre)
        options.rangeImages = 1
        let arrays = LocalCluster(
            network: cluster.network, images: images.map { .tensor($0) },
            encoding: InputEncoding(tables: []))
        var job = try arrays.job(options)
        #expect(throws: QuantizationError.self) {
            while job.nextRound != nil { try arrays.step(&job) }
        }
    }
}
