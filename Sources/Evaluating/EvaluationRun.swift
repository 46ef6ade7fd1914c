// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import Imaging
import JobInputs
package import Logging
package import NetworkGraph
package import QDQ
import Quantization
package import Settings

/// Float model against exported model, on this machine's threads.
package struct EvaluationRun {
    private let configuration: Configuration
    private let origin: PreprocessingOrigin
    private let network: FloatNetwork
    private let contents: QDQModel.Contents
    private let quantizedPath: String
    private let limit: Int?
    private let threads: Int
    private let logger: Logger

    /// Images decoded and evaluated at a time: bounds memory.
    private static let batch = 32

    /// - Parameters:
    ///   - configuration: model, folder of images, preprocessing and labels.
    ///   - origin: where its preprocessing comes from; that of the 8-bit model counts where it was
    ///     not given.
    ///   - network: the float model.
    ///   - contents: the 8-bit model.
    ///   - quantizedPath: its file, for messages.
    ///   - limit: first images of the folder; the configuration's own is about calibration.
    ///   - threads: that split images, at least 1.
    ///   - logger: told of skipped images and of what becomes of pixels.
    package init(
        configuration: Configuration, origin: PreprocessingOrigin, network: FloatNetwork,
        contents: QDQModel.Contents, quantizedPath: String, limit: Int?, threads: Int,
        logger: Logger
    ) {
        self.configuration = configuration
        self.origin = origin
        self.network = network
        self.contents = contents
        self.quantizedPath = quantizedPath
        self.limit = limit
        self.threads = threads
        self.logger = logger
    }

    /// - Parameters:
    ///   - trace: file and number of images of a trace.
    ///   - progress: called with the images read so far, skipped ones included, and the number of
    ///     all; first with none.
    ///   - warn: called with what to check of the inputs, in the end.
    /// - Returns: accuracy, agreement and errors over all images.
    /// - Throws: any module's error.
    package func run(
        trace: (path: String, images: Int)? = nil,
        progress: (_ done: Int, _ images: Int) -> Void = { _, _ in },
        warn: (String) -> Void = { _ in }
    ) throws -> EvaluationReport {
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
            throw RunError(
                .configuration,
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
        progress(0, entries.count)
        for start in stride(from: 0, to: entries.count, by: Self.batch) {
            let end = min(start + Self.batch, entries.count)
            let batch = try PreparedPool(
                entries: Array(entries[start..<end]), count: end - start,
                preprocessing: preprocessing, skipsBad: configuration.skipBadImages)
            skipped += batch.skipped
            facts.add(batch)
            let images = batch.images.map { encoding.encode($0.input) }
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
            progress(end, entries.count)
        }
        for image in skipped {
            logger.warning(
                "image skipped", metadata: ["file": "\(image.file)", "reason": "\(image.reason)"])
        }
        guard evaluation.images > 0 else {
            throw RunError(.data, "\(configuration.images): no image could be read")
        }
        if let trace, let tracer { try tracer.write(to: trace.path) }
        facts.report(to: logger)
        pixels.arrays = facts.arrays
        let warnings =
            [folder.leftOut.warning(in: configuration.images)].compactMap(\.self)
            + facts.warnings(settings, origin) + [fit.warning].compactMap(\.self)
        warnings.forEach(warn)
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
        func ends(_ graph: Graph) -> [TensorShape] {
            graph.inputs.map(\.shape) + graph.outputs.map { graph.shape(of: $0.value) }
        }
        guard float.inputs.count == quantized.inputs.count, ends(float) == ends(quantized) else {
            throw RunError(
                .data,
                "\(configuration.model) and \(quantizedPath) do not belong together: "
                    + "inputs and outputs \(ends(float)) and \(ends(quantized))")
        }
    }
}
