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
    let quantizedPath: String
    /// First images of the folder; the file's `limit` is about calibration.
    let limit: Int?
    let threads: Int
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
        let preprocessing = try Preprocessing(
            configuration.preprocessing, input: network.graph.input)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let folder = try ImageFolder.list(configuration.images)
        let entries = Array(folder.entries.prefix(limit ?? folder.entries.count))
        let labels = try configuration.labels.file.map { try LabelTable(path: $0) }
        let classes = network.graph.shape(of: network.graph.output.value).count

        let pool = ComputePool(threads: threads)
        var evaluation = Evaluation()
        var skipped: [PreparedPool.SkippedImage] = []
        var tracer = trace.map {
            EvaluationTrace(
                float: float, integer: integer, tensors: contents.tensors, images: $0.images)
        }
        let shape = float.graph.input.shape
        for start in stride(from: 0, to: entries.count, by: Self.batch) {
            let end = min(start + Self.batch, entries.count)
            let batch = try PreparedPool(
                entries: Array(entries[start..<end]), count: end - start,
                preprocessing: preprocessing, skipsBad: configuration.skipBadImages)
            skipped += batch.skipped
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
            }
        }
        for image in skipped {
            logger.warning(
                "image skipped", metadata: ["file": "\(image.file)", "reason": "\(image.reason)"])
        }
        guard evaluation.images > 0 else {
            throw CommandError(EX_DATAERR, "\(configuration.images): no image could be read")
        }
        if let trace, let tracer { try tracer.write(to: trace.path) }
        return EvaluationReport(evaluation, skipped: skipped)
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
    var skippedImages: [PreparedPool.SkippedImage]

    enum CodingKeys: String, CodingKey {
        case images, float, quantized, agreement
        case sqnr = "sqnr_db"
        case kl
        case skippedImages = "skipped_images"
    }

    init(_ evaluation: Evaluation, skipped: [PreparedPool.SkippedImage]) {
        images = evaluation.images
        float = Accuracy(top1: evaluation.floatTop1)
        quantized = Accuracy(top1: evaluation.quantizedTop1)
        agreement = evaluation.agreement
        sqnr = evaluation.sqnr
        kl = evaluation.kl
        skippedImages = skipped
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
        return table.text + "\n\n\(images) images"
    }
}
