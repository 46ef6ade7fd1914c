// SPDX-License-Identifier: Apache-2.0

import Kernels
import PrintableText

/// What `bench --json` prints.
package struct ThroughputReport: Encodable, Sendable {
    /// Images per second of one kind of pass.
    package struct Rate: Encodable, Sendable {
        /// Median over the repetitions.
        var imagesPerSecond: Double
        /// All repetitions, in order.
        var repetitions: [Double]
        /// 10^9 operations per second, two per multiplication with a weight; of forward passes.
        var gops: Double?
        /// Of the operations all threads do at most.
        var shareOfPeak: Double?

        enum CodingKeys: String, CodingKey {
            case imagesPerSecond = "images_per_second"
            case repetitions, gops
            case shareOfPeak = "share_of_peak"
        }

        /// - Parameter rates: at least one.
        init(_ rates: [Double]) {
            imagesPerSecond = rates.median
            repetitions = rates
        }
    }

    var threads: Int
    /// Instruction set of the kernels.
    var isa = CPU.isaName
    var peak: Peak
    var float: Rate
    var integer: Rate
    /// The backward pass of bias fine-tuning alone.
    var backward: Rate
    /// Its forward and its backward pass.
    var training: Rate
    /// What one image in training holds between its passes and at most during the backward one,
    /// besides the activations of the forward pass: masks and gradients.
    var trainingBytesPerImage: Int
    /// One per node, where they were asked for.
    var layers: [LayerReport]?

    enum CodingKeys: String, CodingKey {
        case threads, isa, peak, float, integer, backward, training, layers
        case trainingBytesPerImage = "training_bytes_per_image"
    }

    /// A table, and what stands behind it.
    package var text: String {
        var table = TextTable(header: [
            "executor", "images/s", "slowest", "fastest", "GOP/s", "peak",
        ])
        let rows = [
            ("float", float), ("integer", integer), ("backward", backward), ("training", training),
        ]
        for (name, rate) in rows {
            let slowest = rate.repetitions.min() ?? 0
            let fastest = rate.repetitions.max() ?? 0
            let cells = [rate.imagesPerSecond, slowest, fastest].map { $0.formatted(decimals: 1) }
            table.rows.append(
                [name] + cells
                    + [
                        rate.gops?.formatted(decimals: 1) ?? "",
                        rate.shareOfPeak.map(\.percent) ?? "",
                    ])
        }
        let megabytes = Double(trainingBytesPerImage) / 1e6
        let text =
            table.text
            + "\n\n\(threads) threads, \(float.repetitions.count) repetitions; training keeps "
            + "\(megabytes.formatted(decimals: 1)) MB of masks and gradients per image in work\n"
            + "peak of one thread in registers, \(isa): \((peak.float / 1e9).formatted(decimals: 1)) "
            + "GFLOP/s, \((peak.integer / 1e9).formatted(decimals: 1)) integer GOP/s"
        return layers.map { text + "\n\n" + LayerReport.table($0) } ?? text
    }
}
