// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Execution
import Foundation
import Imaging
import Logging
import NetworkGraph
import ONNXFormat
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
        let preprocessing = try Preprocessing(settings, input: network.graph.input)
        var pixels = PixelRecord(settings, resolved: preprocessing, origin: origin)
        pixels.report(to: logger)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let folder = try ImageFolder.list(configuration.images)
        let entries = folder.inputs(for: preprocessing, limit: limit)
        let labels = try configuration.labels.file.map { try LabelTable(path: $0) }
        let classes = network.graph.shape(of: network.graph.output.value).count

        let pool = ComputePool(threads: threads)
        var evaluation = Evaluation()
        var facts = InputFacts()
        var fit = LabelFit(offset: configuration.labels.offset, classes: classes)
        var skipped: [PreparedPool.SkippedImage] = []
        var tracer = trace.map {
            EvaluationTrace(
                float: float, integer: integer, tensors: contents.tensors, images: $0.images)
        }
        let shape = float.graph.input.shape
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
            let inputs = try batch.images.map {
                encoding.encode(try $0.reference.payload($0.bytes, shape: shape))
            }
            tracer?.add(inputs)
            let logits = pool.map(inputs.count) { index, workspace in
                (
                    float.run(inputs[index], workspace: workspace),
                    integer.run(inputs[index], biases: biases, workspace: workspace)
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
            function: quantized.graph.output.function ?? network.graph.output.function)
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
        let (mine, theirs) = (
            float.shape(of: float.output.value), quantized.shape(of: quantized.output.value)
        )
        guard float.input.shape == quantized.input.shape, mine == theirs else {
            throw CommandError(
                EX_DATAERR,
                "\(configuration.model) and \(quantizedPath) do not belong together: "
                    + "input \(float.input.shape) and \(quantized.input.shape), output \(mine) and \(theirs)"
            )
        }
    }
}

/// What `evaluate --json` prints.
struct EvaluationReport: Encodable {
    struct Accuracy: Encodable { var top1: Double? }

    var images: Int
    var float: Accuracy
    var quantized: Accuracy
    var agreement: Double
    var sqnr: Double
    var kl: Double
    var pixels: PixelRecord
    var leftOut: LeftOutRecord
    var skippedImages: [PreparedPool.SkippedImage]
    var warnings: [String]
    /// What stands behind the logits in the files; not part of the comparison.
    var function: Graph.OutputFunction?

    enum CodingKeys: String, CodingKey {
        case images, float, quantized, agreement
        case sqnr = "sqnr_db"
        case kl, pixels
        case leftOut = "left_out"
        case skippedImages = "skipped_images"
        case warnings
        case function = "output_function"
    }

    init(
        _ evaluation: Evaluation, pixels: PixelRecord, leftOut: LeftOutRecord,
        skipped: [PreparedPool.SkippedImage], warnings: [String],
        function: Graph.OutputFunction?
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
        self.function = function
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
                sqnr.formatted(decimals: 2) + " dB", kl.formatted(decimals: 4),
            ],
        ]
        let place = function.map { "; compared in front of the final \($0.rawValue)" } ?? ""
        return table.text + "\n\n\(images) images\(place)"
    }
}
