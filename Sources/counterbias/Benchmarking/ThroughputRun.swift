import Calibration
import Execution
import NetworkGraph
import Quantization

/// Both executors on the same random images, in turns.
struct ThroughputRun {
    private let images: [[Float]]
    private let float: FloatExecutor
    private let integer: IntegerExecutor
    private let biases: BiasState
    private let pool: ComputePool

    /// Distinct images; a measurement goes through them in turn.
    private static let imageCount = 4
    /// A measurement takes at least this long, so that starting threads does not count.
    private static let leastDuration = Duration.milliseconds(200)

    /// - Throws: `QuantizationError` if random input drives the float network out of range.
    init(_ network: FloatNetwork, threads: Int) throws {
        var random = SplitMix64(state: 0)
        let images = (0..<Self.imageCount).map { _ in
            (0..<network.graph.input.shape.count).map { _ in random.unit() }
        }
        let quantized = try Self.quantize(network, images: images, threads: threads)
        self.images = images
        float = FloatExecutor(network)
        integer = IntegerExecutor(quantized)
        biases = BiasState(of: quantized)
        pool = ComputePool(threads: threads)
    }

    /// The default scheme, ranges from `images`.
    private static func quantize(
        _ network: FloatNetwork, images: [[Float]], threads: Int
    ) throws -> QuantizedNetwork {
        let options = CalibrationOptions(
            scheme: QuantizationScheme(), removesDeadChannels: false, correction: nil,
            rangeImages: images.count, correctionImages: 1, shardImages: images.count)
        var job = try CalibrationJob(
            network: network, options: options, imageCount: images.count,
            inputRange: ActivationRange(lower: -1, upper: 1))
        let computer = ShardComputer(
            network: network, encoding: InputEncoding(tables: []), threads: threads)
        guard let round = job.nextRound else { preconditionFailure("no statistics round") }
        let results = try round.shards.map { shard in
            let task = ShardTask(
                kind: round.kind, shard: shard, biases: BiasState(layers: []), round: round.index)
            return try computer.compute(task, images: shard.images.map { .tensor(images[$0]) })
        }
        try job.complete(results)
        guard let quantized = job.quantized else { preconditionFailure("ranges are known") }
        return quantized
    }

    /// Alternates the executors.
    func report(repetitions: Int) -> ThroughputReport {
        let floatCount = warmedUp(runFloat)
        let integerCount = warmedUp(runInteger)
        var floatRates: [Double] = []
        var integerRates: [Double] = []
        for _ in 0..<repetitions {
            floatRates.append(rate(floatCount, runFloat))
            integerRates.append(rate(integerCount, runInteger))
        }
        return ThroughputReport(
            threads: pool.threads, float: .init(floatRates), integer: .init(integerRates))
    }

    private func runFloat(_ count: Int) {
        _ = pool.map(count) { index, workspace in
            float.run(images[index % images.count], workspace: workspace).count
        }
    }

    private func runInteger(_ count: Int) {
        _ = pool.map(count) { index, workspace in
            integer.run(images[index % images.count], biases: biases, workspace: workspace).count
        }
    }

    /// Runs until caches and buffers are filled.
    /// - Returns: the number of images, a multiple of the threads, that lasts long enough.
    private func warmedUp(_ body: (Int) -> Void) -> Int {
        var count = pool.threads
        while ContinuousClock().measure({ body(count) }) < Self.leastDuration { count *= 2 }
        return count
    }

    private func rate(_ count: Int, _ body: (Int) -> Void) -> Double {
        Double(count) / (ContinuousClock().measure { body(count) } / .seconds(1))
    }
}

/// What `bench --json` prints.
struct ThroughputReport: Encodable {
    struct Rate: Encodable {
        /// Median over the repetitions.
        var imagesPerSecond: Double
        /// All repetitions, in order.
        var repetitions: [Double]

        enum CodingKeys: String, CodingKey {
            case imagesPerSecond = "images_per_second"
            case repetitions
        }

        /// - Parameter rates: at least one.
        init(_ rates: [Double]) {
            let sorted = rates.sorted()
            imagesPerSecond = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            repetitions = rates
        }
    }

    var threads: Int
    var float: Rate
    var integer: Rate

    var table: String {
        var table = TextTable(header: ["executor", "images/s", "slowest", "fastest"])
        for (name, rate) in [("float", float), ("integer", integer)] {
            let slowest = rate.repetitions.min() ?? 0
            let fastest = rate.repetitions.max() ?? 0
            let cells = [rate.imagesPerSecond, slowest, fastest].map { $0.formatted(decimals: 1) }
            table.rows.append([name] + cells)
        }
        return table.text + "\n\n\(threads) threads, \(float.repetitions.count) repetitions"
    }
}

/// splitmix64, the generator that scripts/benchmark-float repeats for the same input.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// In [-1, 1), a multiple of 2^-23.
    mutating func unit() -> Float { Float(next() >> 40) * 0x1p-23 - 1 }
}
