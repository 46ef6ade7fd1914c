import Calibration
import Execution
import NetworkGraph
import Quantization

/// Both executors and the passes of bias fine-tuning on the same random images, in turns.
struct ThroughputRun {
    private let images: [[Float]]
    private let float: FloatExecutor
    private let integer: IntegerExecutor
    private let gradients: GradientExecutor
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
        gradients = GradientExecutor(integer)
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

    /// Alternates the measurements.
    func report(repetitions: Int) -> ThroughputReport {
        let measurements = [runFloat, runInteger, runBackward, runTraining]
        let counts = measurements.map { warmedUp($0) }
        var rates = [[Double]](repeating: [], count: measurements.count)
        for _ in 0..<repetitions {
            for (index, measurement) in measurements.enumerated() {
                let duration = measurement(counts[index])
                rates[index].append(Double(counts[index]) / (duration / .seconds(1)))
            }
        }
        let medians = rates.map { ThroughputReport.Rate($0) }
        return ThroughputReport(
            threads: pool.threads, float: medians[0], integer: medians[1], backward: medians[2],
            training: medians[3],
            trainingBytesPerImage: gradients.tapeBytes + gradients.gradientBytes)
    }

    private func runFloat(_ count: Int) -> Duration {
        ContinuousClock().measure {
            _ = pool.map(count) { index, workspace in
                float.run(images[index % images.count], workspace: workspace).count
            }
        }
    }

    private func runInteger(_ count: Int) -> Duration {
        ContinuousClock().measure {
            _ = pool.map(count) { index, workspace in
                integer.run(images[index % images.count], biases: biases, workspace: workspace)
                    .count
            }
        }
    }

    /// The backward pass alone, of images recorded before.
    private func runBackward(_ count: Int) -> Duration {
        let tapes = pool.map(count) { index, workspace in
            gradients.record(images[index % images.count], biases: biases, workspace: workspace)
        }
        return ContinuousClock().measure {
            _ = pool.map(count) { index, workspace in
                backpropagate(tapes[index], workspace: workspace)
            }
        }
    }

    /// Forward and backward.
    private func runTraining(_ count: Int) -> Duration {
        ContinuousClock().measure {
            _ = pool.map(count) { index, workspace in
                backpropagate(
                    gradients.record(
                        images[index % images.count], biases: biases, workspace: workspace),
                    workspace: workspace)
            }
        }
    }

    /// With the logits as their own gradient, that of half the sum of their squares.
    private func backpropagate(_ tape: Tape, workspace: Workspace) -> Int {
        var tape = tape
        var sums = biases.layers.map { [Double](repeating: 0, count: $0.count) }
        tape.backpropagate(tape.logits, into: &sums, workspace: workspace)
        return sums.count
    }

    /// Runs until caches and buffers are filled.
    /// - Returns: the number of images, a multiple of the threads, that lasts long enough.
    private func warmedUp(_ measurement: (Int) -> Duration) -> Int {
        var count = pool.threads
        while measurement(count) < Self.leastDuration { count *= 2 }
        return count
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
    /// The backward pass of bias fine-tuning alone.
    var backward: Rate
    /// Its forward and its backward pass.
    var training: Rate
    /// What one image in training holds between its passes and at most during the backward one, besides the activations of
    /// the forward pass: masks and gradients.
    var trainingBytesPerImage: Int

    enum CodingKeys: String, CodingKey {
        case threads, float, integer, backward, training
        case trainingBytesPerImage = "training_bytes_per_image"
    }

    var table: String {
        var table = TextTable(header: ["executor", "images/s", "slowest", "fastest"])
        let rows = [
            ("float", float), ("integer", integer), ("backward", backward), ("training", training),
        ]
        for (name, rate) in rows {
            let slowest = rate.repetitions.min() ?? 0
            let fastest = rate.repetitions.max() ?? 0
            let cells = [rate.imagesPerSecond, slowest, fastest].map { $0.formatted(decimals: 1) }
            table.rows.append([name] + cells)
        }
        let megabytes = Double(trainingBytesPerImage) / 1e6
        return table.text
            + "\n\n\(threads) threads, \(float.repetitions.count) repetitions; training keeps "
            + "\(megabytes.formatted(decimals: 1)) MB of masks and gradients per image in work"
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
