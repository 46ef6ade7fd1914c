// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Execution
import Foundation
import Imaging
import Logging
import NetworkGraph
import ONNXFormat
import PrintableText
import Quantization
import Settings

/// Float model against exported model, on this machine's threads.
struct EvaluationRun {
    let configuration: Configuration
    let origin: PreprocessingOrigin
    let quantizedPath: String
    /// First images of the folder; the file's `limit` is about calibration.
    let limit: Int?
    let threads: Int
    let isQuiet: Bool
    let logger: Logger

    /// Images decoded and evaluated at a time: bounds memory.
    private static let batch = 32

    /// - Parameter trace: file and number of images of a trace.
    /// - Returns: accuracy, agreement and errors over all images.
    /// - Throws: any module's error; the exit code follows from it.
    func run(trace: (path: String, images: Int)?) throws -> EvaluationReport {
        let network = try ONNXImporter.loadFloatNetwork(path: configuration.model)
        let contents = try QDQModel.read(path: quantizedPath)
        let quantized = contents.network
        try quantized.validate(acceptsBiases: true)
        try check(network.graph, quantized.graph)
        let float = FloatExecutor(network)
        let integer = IntegerExecutor(quantized)
        let biases = BiasState(of: quantized)
        let (settings, origin) = try settings(contents.metadata)
        let preprocessing = try Preprocessing(
            settings, input: network.graph.imageInput(model: configuration.model))
        var pixels = PixelRecord(settings, resolved: preprocessing, origin: origin)
        pixels.report(to: logger)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let folder = try ImageFolder.list(configuration.images)
        let entries = folder.inputs(for: preprocessing, limit: limit)
        let labels = try configuration.labels.file.map { try LabelTable(path: $0) }
        let outputs = network.graph.outputs
        if labels != nil, outputs.count > 1 {
            throw CommandError(
                EX_CONFIG,
                "\(configuration.model) has \(outputs.count) outputs; labels belong to one of class "
                    + "scores: leave labels.file out")
        }
        let classes = network.graph.outputCount

        let pool = ComputePool(threads: threads)
        var evaluation = Evaluation(outputs: network.graph.outputCounts)
        var facts = InputFacts()
        var fit = LabelFit(offset: configuration.labels.offset, classes: classes)
        var skipped: [PreparedPool.SkippedImage] = []
        var tracer = trace.map {
            EvaluationTrace(
                float: float, integer: integer, tensors: contents.tensors, images: $0.images)
        }
        let inputs = float.graph.inputs
        var display = EvaluationDisplay(images: entries.count, quiet: isQuiet, logger: logger)
        defer { StatusLine.clear() }
        display.show(done: 0)
        for start in stride(from: 0, to: entries.count, by: Self.batch) {
            let end = min(start + Self.batch, entries.count)
            let batch = try PreparedPool(
                entries: Array(entries[start..<end]), count: end - start,
                preprocessing: preprocessing, skipsBad: configuration.skipBadImages)
            skipped += batch.skipped
            facts.add(batch)
            let images = try batch.images.map {
                encoding.encode(try $0.reference.payload($0.bytes, inputs: inputs))
            }
            tracer?.add(images)
            let logits = pool.map(images.count) { index, workspace in
                (
                    float.run(images[index], workspace: workspace),
                    integer.run(images[index], biases: biases, workspace: workspace)
                )
            }
            for (name, (float, quantized)) in zip(batch.names, logits) {
                let label = try labels?.label(
                    of: name, offset: configuration.labels.offset, classes: classes)
                evaluation.add(float: float, quantized: quantized, label: label)
                if let label { fit.add(answer: Evaluation.argmax(float), label: label) }
            }
            display.show(done: end)
        }
        StatusLine.clear()
        for image in skipped {
            logger.warning(
                "image skipped", metadata: ["file": "\(image.file)", "reason": "\(image.reason)"])
        }
        guard evaluation.images > 0 else {
            throw CommandError(EX_DATAERR, "\(configuration.images): no image could be read")
        }
        if let trace, let tracer { try tracer.write(to: trace.path) }
        facts.report(to: logger)
        pixels.arrays = facts.arrays
        let warnings =
            [folder.leftOut.warning(in: configuration.images)].compactMap(\.self)
            + facts.warnings(settings, origin) + [fit.warning].compactMap(\.self)
        for warning in warnings {
            Console.warn(warning, of: .input, logger: logger)
        }
        return EvaluationReport(
            evaluation, pixels: pixels, leftOut: LeftOutRecord(folder.leftOut), skipped: skipped,
            warnings: warnings,
            outputs: zip(outputs, quantized.graph.outputs).map { mine, theirs in
                (mine.name, theirs.function ?? mine.function)
            })
    }

    /// Those of the configuration file, or where it has none, those the 8-bit model was made with.
    private func settings(
        _ metadata: [String: String]
    ) throws -> (PreprocessingSettings, PreprocessingOrigin) {
        guard !origin.isGiven, let entry = metadata[PreprocessingSettings.metadataKey] else {
            return (configuration.preprocessing, origin)
        }
        return try PreprocessingSettings.reading(metadata: entry, file: quantizedPath)
    }

    private func check(_ float: Graph, _ quantized: Graph) throws {
        func ends(_ graph: Graph) -> [FeatureShape] {
            graph.inputs.map(\.shape) + graph.outputs.map { graph.shape(of: $0.value) }
        }
        guard float.inputs.count == quantized.inputs.count, ends(float) == ends(quantized) else {
            throw CommandError(
                EX_DATAERR,
                "\(configuration.model) and \(quantizedPath) do not belong together: "
                    + "inputs and outputs \(ends(float)) and \(ends(quantized))")
        }
    }
}

/// What `evaluate --json` prints.
struct EvaluationReport: Encodable {
    struct Accuracy: Encodable { var top1: Double? }

    var images: Int
    var float: Accuracy
    var quantized: Accuracy
    /// Nil for several outputs, as is `kl`.
    var agreement: Double?
    /// Of the output; of several, the mean of theirs.
    var sqnr: Double
    var kl: Double?
    var pixels: PixelRecord
    var leftOut: LeftOutRecord
    var skippedImages: [PreparedPool.SkippedImage]
    var warnings: [String]
    /// What stands behind the logits in the files; not part of the comparison.
    var function: Graph.OutputFunction?
    /// Of several outputs, each by itself.
    var outputs: [Output]?

    struct Output: Encodable {
        var name: String
        var sqnr: Double

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

    var table: String {
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
