// SPDX-License-Identifier: Apache-2.0

import Calibration
import Quantization

extension RoundKind {
    func write(to message: inout Counterbias_Wire_Task) {
        switch self {
        case .statistics: message.kind = .statistics
        case .histograms(let edges):
            message.kind = .histograms
            message.edges = edges.flatMap { [$0.lower, $0.upper] }
        case .layerSums(let layer, let match):
            message.kind = match == .pre ? .layerSumsPre : .layerSumsPost
            message.layer = UInt32(layer)
        case .measure: message.kind = .measure
        case .teacher: message.kind = .teacher
        case .loss(let loss):
            message.kind = .loss
            message.loss = loss.wire()
        case .gradient(let loss):
            message.kind = .gradient
            message.loss = loss.wire()
        }
    }

    init(_ message: Counterbias_Wire_Task) throws(WireError) {
        switch message.kind {
        case .statistics: self = .statistics
        case .histograms: self = .histograms(edges: try ActivationRange.list(message.edges))
        case .layerSumsPre: self = .layerSums(layer: Int(message.layer), match: .pre)
        case .layerSumsPost: self = .layerSums(layer: Int(message.layer), match: .post)
        case .measure: self = .measure
        case .teacher: self = .teacher
        case .loss: self = .loss(try TuningLoss(message.loss))
        case .gradient: self = .gradient(try TuningLoss(message.loss))
        case .unknown, .UNRECOGNIZED: throw WireError(.field("kind"))
        }
    }
}

extension ActivationRange {
    /// Pairs of a lower and an upper edge, finite and in this order.
    fileprivate static func list(_ edges: [Float]) throws(WireError) -> [ActivationRange] {
        guard edges.count % 2 == 0, edges.allSatisfy(\.isFinite) else {
            throw WireError(.field("edges"))
        }
        let ranges = stride(from: 0, to: edges.count, by: 2).map {
            ActivationRange(lower: edges[$0], upper: edges[$0 + 1])
        }
        guard ranges.allSatisfy({ $0.lower <= $0.upper }) else { throw WireError(.field("edges")) }
        return ranges
    }
}

extension TuningLoss {
    fileprivate func wire() -> Counterbias_Wire_Loss {
        var message = Counterbias_Wire_Loss()
        message.kind =
            switch kind {
            case .kl: .kl
            case .relativeL2: .relativeL2
            case .crossEntropy: .crossEntropy
            }
        message.temperature = temperature
        return message
    }

    fileprivate init(_ message: Counterbias_Wire_Loss) throws(WireError) {
        let kind: TuningOptions.Loss
        switch message.kind {
        case .kl: kind = .kl
        case .relativeL2: kind = .relativeL2
        case .crossEntropy: kind = .crossEntropy
        case .unknown, .UNRECOGNIZED: throw WireError(.field("loss"))
        }
        guard message.temperature > 0, message.temperature.isFinite else {
            throw WireError(.field("temperature"))
        }
        self.init(kind, temperature: message.temperature)
    }
}
