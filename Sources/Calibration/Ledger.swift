import NetworkGraph
import Quantization

/// What calibration found and did, layer by layer: `ledger.json`.
///
/// Shifts are mean quantized minus mean float activation behind the activation, in real units, over the correction images.
package struct Ledger: Hashable, Sendable, Codable {
    package struct Layer: Hashable, Sendable, Codable {
        package var name: String
        package var kind: String
        package var channels: Int
        /// Rounds bias correction spent; 0 when it skipped the layer.
        package var rounds: Int
        /// Why the layer, or some channels of it, were left as they were; nil when all were corrected.
        package var skipped: String?
        /// Float model had no bias here and was given one.
        package var biasAdded: Bool
        package var deadChannels: [Int]
        /// `sqrt(Σ E[e]² / Σ E[x²])` over channels, before and after.
        package var mssrBefore: Double
        package var mssrAfter: Double
        /// `sqrt(Σ E[e²] / Σ E[x²])` over channels.
        package var rqnsrBefore: Double
        package var rqnsrAfter: Double
        package var channel: [Channel]
    }

    package struct Channel: Hashable, Sendable, Codable {
        /// Mean shift with the initial biases in the uncorrected network.
        package var shiftBefore: Double
        /// Mean shift in the corrected network.
        package var shiftAfter: Double
        /// What was added to the bias, real units.
        package var correction: Double
        /// Bias in the exported model.
        package var int32: Int32
        /// Shift left when the layer's own turn ended, at the point where means were matched.
        package var residual: Double
        package var mssrBefore: Double
        package var mssrAfter: Double
        package var rqnsrBefore: Double
        package var rqnsrAfter: Double
    }

    package var method: String
    package var match: String?
    package var images: Int
    package var layers: [Layer]
}

extension Ledger {
    /// The ledger of a finished job.
    package init?(_ job: CalibrationJob) {
        guard let quantized = job.quantized, let biases = job.progress.biases,
            let statistics = job.progress.statistics, let errors = job.progress.errors
        else { return nil }
        method = job.options.correction == nil ? "none" : "ibc"
        match = job.options.correction?.match.rawValue
        images = errors.images
        let layout = ChannelLayout(job.network.graph)
        let errorLayout = ChannelLayout(job.network.graph, convolutionsOnly: true)
        layers = job.network.graph.convolutions.enumerated().compactMap { layer, node in
            guard let parameters = quantized.parameters[node],
                let input = quantized.activations[job.network.graph.nodes[node].inputs[0]]
            else { return nil }
            let corrections = job.progress.corrections
            return Layer(
                node: job.network.graph.nodes[node],
                kind: job.network.graph.nodes[node].operation.kind(
                    input: job.network.graph.shape(of: job.network.graph.nodes[node].inputs[0])),
                correction: layer < corrections.count ? corrections[layer] : nil,
                dead: job.deadChannels.first { $0.node == node }?.channels ?? [],
                steps: parameters.bias.indices.map {
                    Double(
                        BiasQuantization.scale(
                            input: input.scale, weight: parameters.scale(channel: $0)))
                },
                initial: parameters.bias, final: biases.layers[layer],
                squares: Array(statistics.squaresAfter[layout.range(node)]),
                errors: errors.slice(errorLayout.range(node)), images: errors.images)
        }
    }
}

extension ErrorSums {
    fileprivate func slice(_ range: Range<Int>) -> ErrorSums {
        var slice = self
        slice.initial = Array(initial[range])
        slice.initialSquares = Array(initialSquares[range])
        slice.corrected = Array(corrected[range])
        slice.correctedSquares = Array(correctedSquares[range])
        return slice
    }
}

extension Ledger.Layer {
    fileprivate init(
        node: Node, kind: String, correction: LayerCorrection?, dead: [Int], steps: [Double],
        initial: [Int32],
        final: [Int32], squares: [Double], errors: ErrorSums, images: Int
    ) {
        let count = Double(images * node.shape.pixels)
        func ratio(_ numerator: Double, _ denominator: Double) -> Double {
            denominator > 0 ? (numerator / denominator).squareRoot() : 0
        }
        func shareOfSignal(_ sums: [Double]) -> Double {
            ratio(sums.reduce(0, +), squares.reduce(0, +) / count)
        }
        let shiftsBefore = errors.initial.map { $0 / count }
        let shiftsAfter = errors.corrected.map { $0 / count }
        name = node.name
        self.kind = kind
        channels = node.shape.channels
        rounds = correction?.rounds ?? 0
        if let overflowing = correction?.overflowing, !overflowing.isEmpty {
            skipped = "the corrected bias would overflow int32 in channels \(overflowing)"
        } else if correction == nil {
            skipped = "no bias correction was asked for"
        }
        biasAdded = !(node.convolution?.hadBias ?? true)
        deadChannels = dead
        mssrBefore = shareOfSignal(shiftsBefore.map { $0 * $0 })
        mssrAfter = shareOfSignal(shiftsAfter.map { $0 * $0 })
        rqnsrBefore = shareOfSignal(errors.initialSquares.map { $0 / count })
        rqnsrAfter = shareOfSignal(errors.correctedSquares.map { $0 / count })
        channel = final.indices.map { index in
            let signal = squares[index] / count
            return Ledger.Channel(
                shiftBefore: shiftsBefore[index], shiftAfter: shiftsAfter[index],
                correction: Double(Int64(final[index]) - Int64(initial[index])) * steps[index],
                int32: final[index], residual: correction?.residual[index] ?? 0,
                mssrBefore: ratio(shiftsBefore[index] * shiftsBefore[index], signal),
                mssrAfter: ratio(shiftsAfter[index] * shiftsAfter[index], signal),
                rqnsrBefore: ratio(errors.initialSquares[index] / count, signal),
                rqnsrAfter: ratio(errors.correctedSquares[index] / count, signal))
        }
    }
}
