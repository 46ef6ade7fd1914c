// SPDX-License-Identifier: Apache-2.0

import Calibration
package import JobInputs
package import NetworkGraph
import PrintableText

/// What `evaluate --json` prints.
package struct EvaluationReport: Encodable, Sendable {
    /// How often a network is right.
    package struct Accuracy: Encodable, Sendable {
        /// Share of images in [0, 1]; nil without labels.
        package var top1: Double?
    }

    /// Compared.
    package var images: Int
    /// Of the float network.
    package var float: Accuracy
    /// Of the 8-bit network.
    package var quantized: Accuracy
    /// Share of images in [0, 1] with the same largest logit; nil for several outputs, as is `kl`.
    package var agreement: Double?
    /// In dB, of the output; of several, the mean of theirs.
    package var sqnr: Double
    /// Mean Kullback-Leibler divergence of the softmax, float ‖ 8-bit, in nats.
    package var kl: Double?
    /// How pixels became inputs.
    package var pixels: PixelRecord
    /// What the folder holds besides images.
    package var leftOut: LeftOutRecord
    /// Images that could not be read, with the reason.
    package var skippedImages: [PreparedPool.SkippedImage]
    /// One sentence each, with the remedy.
    package var warnings: [String]
    /// What stands behind the logits in the files; not part of the comparison.
    package var function: Graph.OutputFunction?
    /// Of several outputs, each by itself.
    package var outputs: [Output]?

    /// One of several outputs.
    package struct Output: Encodable, Sendable {
        /// In the model.
        package var name: String
        /// In dB.
        package var sqnr: Double

        enum CodingKeys: String, CodingKey {
            case name
            case sqnr = "sqnr_db"
        }
    }

    enum CodingKeys: String, CodingKey {
        case images, float, quantized, agreement
        case sqnr = "sqnr_db"
        case kl, pixels
        case leftOut = "left_out"
        case skippedImages = "skipped_images"
        case warnings
        case function = "output_function"
        case outputs
    }

    init(
        _ evaluation: Evaluation, pixels: PixelRecord, leftOut: LeftOutRecord,
        skipped: [PreparedPool.SkippedImage], warnings: [String],
        outputs: [(name: String, function: Graph.OutputFunction?)]
    ) {
        images = evaluation.images
        float = Accuracy(top1: evaluation.floatTop1)
        quantized = Accuracy(top1: evaluation.quantizedTop1)
        agreement = evaluation.agreement
        sqnr = evaluation.sqnr
        kl = evaluation.kl
        self.pixels = pixels
        self.leftOut = leftOut
        skippedImages = skipped
        self.warnings = warnings
        function = outputs.lazy.compactMap(\.function).first
        if outputs.count > 1 {
            self.outputs = zip(outputs, evaluation.sqnrs).map { Output(name: $0.name, sqnr: $1) }
        }
    }

    /// What `evaluate` prints.
    package var table: String {
        func percent(_ value: Double?) -> String {
            value.map { (100 * $0).formatted(decimals: 1) + " %" } ?? "–"
        }
        var table = TextTable(header: ["", "top-1", "agrees", "SQNR", "KL"])
        table.rows = [
            ["float", percent(float.top1), "", "", ""],
            [
                "8-bit", percent(quantized.top1), percent(agreement),
                sqnr.formatted(decimals: 2) + " dB", kl?.formatted(decimals: 4) ?? "–",
            ],
        ]
        for output in outputs ?? [] {
            table.rows.append(
                [output.name.printable(), "", "", output.sqnr.formatted(decimals: 2) + " dB", ""])
        }
        let place = function.map { "; compared in front of the final \($0.rawValue)" } ?? ""
        return table.text + "\n\n\(images) images\(place)"
    }
}
