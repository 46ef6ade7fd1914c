// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
package import Quantization

/// What calibration found and did, layer by layer: `ledger.json`.
///
/// Shifts are mean quantized minus mean float activation behind the activation, in real units, over
/// the measured images, like errors and the signal `E[x²]`: the first 8 of those that correct, or
/// as many as there are.
package struct Ledger: Hashable, Sendable, Codable {
    /// What was found and done at one convolution or matrix product.
    package struct Layer: Hashable, Sendable, Codable {
        /// Of the node, as in the model; unique in a network.
        package var name: String
        /// Operator and window, as in `conv 3×3`.
        package var kind: String
        /// Output channels: elements of every column of ``channel``.
        package var channels: Int
        /// Why the layer, or some channels of it, were left as they were; nil when all were
        /// corrected.
        package var skipped: String?
        /// Float model had no bias here and was given one.
        package var biasAdded: Bool
        /// Indices of output channels that were taken out before quantization, ascending.
        package var deadChannels: [Int]
        /// `sqrt(Σ E[e]² / Σ E[x²])` over channels, before and after.
        package var mssrBefore: Double
        /// The same with the biases reached.
        package var mssrAfter: Double
        /// `sqrt(Σ E[e²] / Σ E[x²])` over channels.
        package var rqnsrBefore: Double
        /// The same with the biases reached.
        package var rqnsrAfter: Double
        /// The numbers behind it, channel by channel.
        package var channel: Channels
        /// Of the activation behind the layer; nil in ledgers of earlier releases.
        package var range: Range?
        /// Largest `|bias| / limit` over channels, with the limit that keeps the accumulator in
        /// int32 on any input.
        package var headroom: Double?

        /// Memberwise, unchecked.
        package init(
            name: String, kind: String, channels: Int, skipped: String? = nil,
            biasAdded: Bool = false, deadChannels: [Int] = [], mssrBefore: Double,
            mssrAfter: Double, rqnsrBefore: Double, rqnsrAfter: Double, channel: Channels,
            range: Range? = nil, headroom: Double? = nil
        ) {
            self.name = name
            self.kind = kind
            self.channels = channels
            self.skipped = skipped
            self.biasAdded = biasAdded
            self.deadChannels = deadChannels
            self.mssrBefore = mssrBefore
            self.mssrAfter = mssrAfter
            self.rqnsrBefore = rqnsrBefore
            self.rqnsrAfter = rqnsrAfter
            self.channel = channel
            self.range = range
            self.headroom = headroom
        }
    }

    /// What a layer's float activation reaches over the range images, and how it is quantized.
    package struct Range: Hashable, Sendable, Codable {
        /// Smallest float value over all channels.
        package var lower: Float
        /// Largest float value over all channels.
        package var upper: Float
        /// 0 where the output stays float.
        package var scale: Float
        /// In the range of the activations' type, 0 to 255 or -128 to 127; 0 where the output stays
        /// float.
        package var zeroPoint: Int

        /// Memberwise, unchecked.
        package init(lower: Float, upper: Float, scale: Float, zeroPoint: Int) {
            self.lower = lower
            self.upper = upper
            self.scale = scale
            self.zeroPoint = zeroPoint
        }
    }

    /// One element per output channel in every column.
    package struct Channels: Hashable, Sendable, Codable {
        /// Mean shift with the initial biases in the uncorrected network.
        package var shiftBefore: [Float]
        /// Mean shift in the corrected network.
        package var shiftAfter: [Float]
        /// What was added to the bias, real units.
        package var correction: [Float]
        /// Bias in the exported model.
        package var int32: [Int32]
        /// Shift left at the point where means were matched: `shiftAfter` behind the activation,
        /// what rounding leaves in front of it.
        package var residual: [Float]
        /// `|E[e]| / sqrt(E[x²])`, with the initial biases; 0 for a channel without signal.
        package var mssrBefore: [Float]
        /// The same with the biases reached.
        package var mssrAfter: [Float]
        /// `sqrt(E[e²] / E[x²])`, with the initial biases; 0 for a channel without signal.
        package var rqnsrBefore: [Float]
        /// The same with the biases reached.
        package var rqnsrAfter: [Float]

        /// Memberwise, unchecked.
        package init(
            shiftBefore: [Float], shiftAfter: [Float], correction: [Float], int32: [Int32],
            residual: [Float], mssrBefore: [Float], mssrAfter: [Float], rqnsrBefore: [Float],
            rqnsrAfter: [Float]
        ) {
            self.shiftBefore = shiftBefore
            self.shiftAfter = shiftAfter
            self.correction = correction
            self.int32 = int32
            self.residual = residual
            self.mssrBefore = mssrBefore
            self.mssrAfter = mssrAfter
            self.rqnsrBefore = rqnsrBefore
            self.rqnsrAfter = rqnsrAfter
        }
    }

    /// `ibc`, `bft`, `ibc,bft` or `none`.
    package var method: String
    /// Raw value of ``Match``; nil without bias correction.
    package var match: String?
    /// Measured images.
    package var images: Int
    /// Loss curve and bias changes of fine-tuning; nil without it.
    package var tuning: TuningSummary?
    /// What held-out images said; nil without a check.
    package var guarding: HeldOutSummary?
    /// What equalization did, one per convolution; nil without it.
    package var equalization: [Equalization.Layer]?
    /// One per convolution and matrix product, in topological order.
    package var layers: [Layer]

    /// Memberwise; what the held-out check and equalization did is set afterwards.
    package init(
        method: String, match: String? = nil, images: Int, tuning: TuningSummary? = nil,
        layers: [Layer]
    ) {
        self.method = method
        self.match = match
        self.images = images
        self.tuning = tuning
        self.layers = layers
    }
}

extension Ledger {
    /// The ledger of a finished job.
    package init?(_ job: CalibrationJob) {
        guard let quantized = job.quantized, let biases = job.biases,
            let statistics = job.statistics, let measured = job.measuredStatistics,
            let errors = job[stage: Measurement.self]?.errors
        else { return nil }
        let methods =
            (job.options.correction == nil ? [] : ["ibc"])
            + (job.options.tuning == nil ? [] : ["bft"])
        method = methods.isEmpty ? "none" : methods.joined(separator: ",")
        tuning = job.tuningSummary
        guarding = job.heldOutSummary
        equalization = job.equalization?.layers
        match = job.options.correction?.match.rawValue
        images = errors.images
        let layout = ChannelLayout(job.network.graph)
        let errorLayout = ChannelLayout(job.network.graph, convolutionsOnly: true)
        layers = job.network.graph.convolutions.enumerated().compactMap { layer, node in
            guard let parameters = quantized.parameters[node],
                let input = quantized.activations[job.network.graph.nodes[node].inputs[0]]
            else { return nil }
            let corrections = job[stage: Correction.self]?.corrections ?? []
            let channels = layout.range(node)
            let count =
                Double(measured.sumImages) * Double(job.network.graph.nodes[node].shape.pixels)
            var entry = Layer(
                node: job.network.graph.nodes[node],
                kind: job.network.graph.nodes[node].operation.kind(
                    input: job.network.graph.shape(of: job.network.graph.nodes[node].inputs[0])),
                correction: layer < corrections.count ? corrections[layer] : nil,
                isRejected: job[stage: HeldOutCheck.self]?.rejectedLayers.contains(layer) ?? false,
                isFixed: job.fixedLayers.contains(layer),
                dead: job.deadChannels.filter { $0.node == node }.flatMap(\.channels),
                steps: parameters.bias.indices.map {
                    Double(
                        BiasQuantization.scale(
                            input: input.scale, weight: parameters.scale(channel: $0)))
                },
                initial: parameters.bias, final: biases.layers[layer],
                signal: measured.squaresAfter[channels].map { $0 / count },
                errors: errors.slice(errorLayout.range(node)))
            let output = quantized.activation(ofNode: node)
            entry.range = Range(
                lower: statistics.lower[channels].min() ?? 0,
                upper: statistics.upper[channels].max() ?? 0,
                scale: output?.scale ?? 0, zeroPoint: output?.zeroPoint ?? 0)
            entry.headroom =
                job.fixedLayers.contains(layer)
                ? nil
                : zip(biases.layers[layer], job.context.biasLimits[layer]).map {
                    Double($0.magnitude) / Double(max($1, 1))
                }.max()
            return entry
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
        node: Node, kind: String, correction: LayerCorrection?, isRejected: Bool, isFixed: Bool,
        dead: [Int],
        steps: [Double], initial: [Int32],
        final: [Int32], signal: [Double], errors: ErrorSums
    ) {
        let count = Double(errors.images * node.shape.pixels)
        func ratio(_ numerator: Double, _ denominator: Double) -> Double {
            denominator > 0 ? (numerator / denominator).squareRoot() : 0
        }
        func shareOfSignal(_ sums: [Double]) -> Double {
            ratio(sums.reduce(0, +), signal.reduce(0, +))
        }
        let shiftsBefore = errors.initial.map { $0 / count }
        let shiftsAfter = errors.corrected.map { $0 / count }
        name = node.name
        self.kind = kind
        channels = node.shape.channels
        if isFixed {
            skipped = "it is an 8-bit constant, which stays as it is"
        } else if let overflowing = correction?.overflowing, !overflowing.isEmpty {
            skipped = "the corrected bias would overflow int32 in channels \(overflowing)"
        } else if correction == nil {
            skipped = "no bias correction was asked for"
        } else if isRejected {
            skipped = "its correction made the held-out images worse and was taken back"
        }
        biasAdded = !(node.convolution?.hadBias ?? true)
        deadChannels = dead
        mssrBefore = shareOfSignal(shiftsBefore.map { $0 * $0 })
        mssrAfter = shareOfSignal(shiftsAfter.map { $0 * $0 })
        rqnsrBefore = shareOfSignal(errors.initialSquares.map { $0 / count })
        rqnsrAfter = shareOfSignal(errors.correctedSquares.map { $0 / count })
        func ratios(_ numerators: [Double]) -> [Float] {
            zip(numerators, signal).map { Float(ratio($0, $1)) }
        }
        // Behind the activation the residual is the shift that is left; where nothing was corrected
        // there is none.
        let residual =
            correction.map { $0.residual.isEmpty ? shiftsAfter : $0.residual }
            ?? [Double](repeating: 0, count: final.count)
        channel = Ledger.Channels(
            shiftBefore: shiftsBefore.map(Float.init), shiftAfter: shiftsAfter.map(Float.init),
            correction: final.indices.map {
                Float(Double(Int64(final[$0]) - Int64(initial[$0])) * steps[$0])
            },
            int32: final, residual: residual.map(Float.init),
            mssrBefore: ratios(shiftsBefore.map { $0 * $0 }),
            mssrAfter: ratios(shiftsAfter.map { $0 * $0 }),
            rqnsrBefore: ratios(errors.initialSquares.map { $0 / count }),
            rqnsrAfter: ratios(errors.correctedSquares.map { $0 / count }))
    }
}
