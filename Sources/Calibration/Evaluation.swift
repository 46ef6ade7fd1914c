// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Comparison of float and quantized logits, image by image in order.
package struct Evaluation: Hashable, Sendable {
    /// Images added so far.
    package private(set) var images = 0
    private var labelled = 0
    private var floatHits = 0
    private var quantizedHits = 0
    private var agreeing = 0
    /// By output.
    private var signal: [Double]
    private var noise: [Double]
    private var divergence = 0.0
    private let outputs: [Int]

    /// - Parameter outputs: elements of each output, in order.
    package init(outputs: [Int]) {
        self.outputs = outputs
        signal = [Double](repeating: 0, count: outputs.count)
        noise = signal
    }

    /// - Parameters:
    ///   - float: the float network's logits; of several outputs, one after the other.
    ///   - quantized: as many logits of the quantized network.
    ///   - label: index of the right logit.
    package mutating func add(float: [Float], quantized: [Float], label: Int?) {
        precondition(float.count == quantized.count)
        images += 1
        let floatBest = Self.argmax(float)
        let quantizedBest = Self.argmax(quantized)
        if floatBest == quantizedBest { agreeing += 1 }
        if let label {
            labelled += 1
            if floatBest == label { floatHits += 1 }
            if quantizedBest == label { quantizedHits += 1 }
        }
        var index = 0
        for (output, count) in outputs.enumerated() {
            for _ in 0..<count {
                let x = Double(float[index])
                let e = Double(quantized[index]) - x
                signal[output] += x * x
                noise[output] += e * e
                index += 1
            }
        }
        divergence += SoftmaxDivergence.value(reference: float, other: quantized)
    }

    /// Index of the largest element, the first of equals.
    package static func argmax(_ values: [Float]) -> Int {
        var best = 0
        for index in values.indices where values[index] > values[best] { best = index }
        return best
    }

    /// Share of labelled images whose largest logit is the label; nil without labels.
    package var floatTop1: Double? { labelled == 0 ? nil : Double(floatHits) / Double(labelled) }
    /// The same of the quantized network.
    package var quantizedTop1: Double? {
        labelled == 0 ? nil : Double(quantizedHits) / Double(labelled)
    }
    /// Share of images on which both networks pick the same logit; nil for several outputs.
    package var agreement: Double? { perImage(Double(agreeing)) }
    /// Signal to quantization noise ratio of each output over all its elements of all images, in
    /// dB; infinite when they are equal.
    package var sqnrs: [Double] {
        zip(signal, noise).map { signal, noise in
            noise == 0
                ? .infinity : 10 * Transcendental.log(signal / noise) / Transcendental.log(10)
        }
    }
    /// Mean of ``sqnrs``.
    package var sqnr: Double { sqnrs.reduce(0, +) / Double(max(outputs.count, 1)) }
    /// Mean Kullback-Leibler divergence of the softmax, float ‖ quantized, in nats; nil for several
    /// outputs.
    package var kl: Double? { perImage(divergence) }

    private func perImage(_ sum: Double) -> Double? {
        outputs.count > 1 ? nil : images == 0 ? 0 : sum / Double(images)
    }
}

enum SoftmaxDivergence {
    /// `Σ p (log p - log q)` with `p` and `q` the softmax of two logit vectors.
    static func value(reference: [Float], other: [Float]) -> Double {
        let p = logSoftmax(reference)
        let q = logSoftmax(other)
        var sum = 0.0
        for index in p.indices { sum += Transcendental.exp(p[index]) * (p[index] - q[index]) }
        return sum
    }

    private static func logSoftmax(_ logits: [Float]) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        var sum = 0.0
        for logit in logits { sum += Transcendental.exp(Double(logit) - largest) }
        let normalizer = largest + Transcendental.log(sum)
        return logits.map { Double($0) - normalizer }
    }
}
