// SPDX-License-Identifier: Apache-2.0

/// What one image's student logits should be.
package enum TuningTarget: Hashable, Sendable {
    /// The float network's logits, as many as the student's.
    case logits([Float])
    /// Index of the right logit.
    case label(Int)
}

/// Loss of one image and its derivative by the student's logits.
///
/// Several outputs come one after the other. Only `relativeL2` means something for them: it is the
/// mean of the outputs' losses, and stands for `kl` too.
///
/// All arithmetic is Double in logit order; only the finished gradient is rounded to Float. NaN or
/// infinity in the logits shows in the result and is never trapped.
package struct TuningLoss: Hashable, Sendable {
    /// How student and target are compared.
    package var kind: TuningOptions.Loss
    /// Used by ``TuningOptions/Loss/kl`` alone; above 0.
    package var temperature: Double

    /// Memberwise, unchecked.
    package init(_ kind: TuningOptions.Loss, temperature: Double) {
        self.kind = kind
        self.temperature = temperature
    }

    /// Whether a target is of the kind this loss compares with, and fits a network of that many
    /// logits.
    package func takes(_ target: TuningTarget, classes: Int) -> Bool {
        switch (kind, target) {
        case (.kl, .logits(let logits)), (.relativeL2, .logits(let logits)):
            logits.count == classes
        case (.crossEntropy, .label(let label)): (0..<classes).contains(label)
        default: false
        }
    }

    /// - Parameters:
    ///   - student: the quantized network's logits, at least one.
    ///   - target: logits for `kl` and `relativeL2`, a label in range for `crossEntropy`.
    ///   - outputs: elements of each output; nil where it is one.
    /// - Returns: the loss, and one derivative per logit.
    package func evaluate(
        student: [Float], target: TuningTarget, outputs: [Int]? = nil
    ) -> (value: Double, gradient: [Float]) {
        let (value, gradient) = exact(student: student, target: target, outputs: outputs)
        return (value, gradient.map { Float($0) })
    }

    /// The loss alone, the same bits as with the gradient.
    package func value(
        student: [Float], target: TuningTarget, outputs: [Int]? = nil
    ) -> Double {
        exact(student: student, target: target, outputs: outputs).value
    }

    /// ``evaluate(student:target:outputs:)`` before the gradient is rounded.
    func exact(
        student: [Float], target: TuningTarget, outputs: [Int]? = nil
    ) -> (value: Double, gradient: [Double]) {
        switch (kind, target) {
        case (.kl, .logits(let logits)) where outputs.map { $0.count > 1 } == true,
            (.relativeL2, .logits(let logits)) where outputs.map { $0.count > 1 } == true:
            return meanDistance(student, logits, outputs ?? [])
        case (.kl, .logits(let logits)):
            return divergence(student, logits)
        case (.relativeL2, .logits(let logits)):
            return distance(student, logits)
        case (.crossEntropy, .label(let label)):
            return crossEntropy(student, label: label)
        default:
            preconditionFailure("loss \(kind) does not take this target")
        }
    }

    /// `T² Σ p (log p - log q)`, gradient `T (q - p)`, with p and q the softmax of target / T and
    /// student / T (Hinton, Vinyals, Dean, arXiv 1503.02531).
    private func divergence(_ student: [Float], _ target: [Float]) -> (Double, [Double]) {
        precondition(student.count == target.count)
        let p = LogSoftmax(target, temperature: temperature)
        let q = LogSoftmax(student, temperature: temperature)
        var sum = 0.0
        var gradient: [Double] = []
        gradient.reserveCapacity(student.count)
        for index in student.indices {
            let probability = p.probability(index)
            sum += probability * (p.logarithms[index] - q.logarithms[index])
            gradient.append(temperature * (q.probability(index) - probability))
        }
        return (temperature * temperature * sum, gradient)
    }

    /// `|s - t|² / |t|²`, gradient `2 (s - t) / |t|²`; a target of zeros alone divides by 1
    /// instead.
    private func distance(_ student: [Float], _ target: [Float]) -> (Double, [Double]) {
        precondition(student.count == target.count)
        var square = 0.0
        var norm = 0.0
        for (s, t) in zip(student, target) {
            let difference = Double(s) - Double(t)
            square += difference * difference
            norm += Double(t) * Double(t)
        }
        let divisor = norm == 0 ? 1 : norm
        return (
            square / divisor,
            zip(student, target).map { 2 * (Double($0) - Double($1)) / divisor }
        )
    }

    /// Mean of the outputs' distances.
    private func meanDistance(
        _ student: [Float], _ target: [Float], _ outputs: [Int]
    ) -> (Double, [Double]) {
        precondition(student.count == outputs.reduce(0, +))
        var sum = 0.0
        var gradient: [Double] = []
        var first = 0
        for count in outputs {
            let part = first..<first + count
            let (value, slopes) = distance(Array(student[part]), Array(target[part]))
            sum += value
            gradient += slopes.map { $0 / Double(outputs.count) }
            first += count
        }
        return (sum / Double(outputs.count), gradient)
    }

    /// `-log q[label]`, gradient `q - onehot(label)`, with q the student's softmax.
    private func crossEntropy(_ student: [Float], label: Int) -> (Double, [Double]) {
        let q = LogSoftmax(student)
        var gradient = student.indices.map(q.probability)
        gradient[label] -= 1
        return (-q.logarithms[label], gradient)
    }
}
