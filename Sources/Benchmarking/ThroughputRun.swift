// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
package import NetworkGraph
import Quantization

/// Both executors and the passes of bias fine-tuning on the same random images, in turns.
package struct ThroughputRun {
    private let images: [[Float]]
    private let float: FloatExecutor
    private let integer: IntegerExecutor
    private let gradients: GradientExecutor
    private let biases: BiasState
    private let pool: ComputePool
    private let summary: GraphSummary

    /// Distinct images; a measurement goes through them in turn.
    private static let imageCount = 4
    /// A measurement takes at least this long, so that starting threads does not count.
    private static let leastDuration = Duration.milliseconds(200)

    /// - Parameters:
    ///   - network: the float network; it is quantized here.
    ///   - threads: that split images, at least 1.
    /// - Throws: `QuantizationError` if random input drives the float network out of range.
    package init(_ network: FloatNetwork, threads: Int) throws {
        var random = SplitMix64(seed: 0)
        let images = (0..<Self.imageCount).map { _ in
            (0..<network.graph.inputCount).map { _ in random.unit() }
        }
        let quantized = try Self.quantize(network, images: images, threads: threads)
        self.images = images
        float = FloatExecutor(network)
        integer = IntegerExecutor(quantized)
        gradients = GradientExecutor(integer)
        biases = BiasState(of: quantized)
        summary = GraphSummary(network.graph)
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
        let runner = LocalRunner(
            network: network, encoding: InputEncoding(tables: []),
            images: images.map { .tensor($0) }, threads: [threads])
        try runner.step(&job)
        guard let quantized = job.quantized else { preconditionFailure("ranges are known") }
        return quantized
    }

    /// Alternates the measurements; `timesLayers` adds the nodes of both forward passes, on one
    /// thread.
    package func report(repetitions: Int, timesLayers: Bool) -> ThroughputReport {
        let measurements = [runFloat, runInteger, runBackward, runTraining]
        let counts = measurements.map { warmedUp($0) }
        var rates = [[Double]](repeating: [], count: measurements.count)
        var peak = Peak()
        for _ in 0..<repetitions {
            peak.measure()
            for (index, measurement) in measurements.enumerated() {
                let duration = measurement(counts[index])
                rates[index].append(Double(counts[index]) / (duration / .seconds(1)))
            }
        }
        let operations = 2 * Double(summary.macs)
        func rate(_ index: Int, of peak: Double? = nil) -> ThroughputReport.Rate {
            var rate = ThroughputReport.Rate(rates[index])
            if let peak {
                rate.gops = rate.imagesPerSecond * operations / 1e9
                rate.shareOfPeak = rate.imagesPerSecond * operations / (peak * Double(pool.threads))
            }
            return rate
        }
        return ThroughputReport(
            threads: pool.threads, peak: peak, float: rate(0, of: peak.float),
            integer: rate(1, of: peak.integer), backward: rate(2), training: rate(3),
            trainingBytesPerImage: gradients.tapeBytes + gradients.gradientBytes,
            layers: timesLayers ? layers(repetitions: repetitions, peak: peak) : nil)
    }

    /// Medians over as many images as a measurement of each executor takes.
    private func layers(repetitions: Int, peak: Peak) -> [LayerReport] {
        var times = (float: LayerTimes(), integer: LayerTimes())
        pool.withWorkspace { workspace in
            let clock = ContinuousClock()
            let end = clock.now + Self.leastDuration * 2 * repetitions
            var image = 0
            repeat {
                let input = images[image % images.count]
                times.float.record(input, float, workspace: workspace)
                times.integer.record(input, integer, biases: biases, workspace: workspace)
                image += 1
            } while clock.now < end
        }
        let isFloatOutput = integer.network.activations.map { $0 == nil }
        return LayerReport.rows(
            summary, times.float.medians, times.integer.medians, peak: peak,
            isFloat: isFloatOutput)
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

    /// The backward pass alone: each image is recorded outside of its time.
    private func runBackward(_ count: Int) -> Duration {
        let durations = pool.map(count) { index, workspace in
            let tape = gradients.record(
                images[index % images.count], biases: biases, workspace: workspace)
            return ContinuousClock().measure { _ = backpropagate(tape, workspace: workspace) }
        }
        return durations.reduce(.zero, +) / min(pool.threads, count)
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
