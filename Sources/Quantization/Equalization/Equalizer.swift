// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Scales a network's channels group by group; see ``Equalization``.
struct Equalizer {
    let network: FloatNetwork
    let statistics: EqualizationStatistics
    let granularity: Granularity
    let groups: [ScaleGroups.Group]
    var parameters: ScalableParameters
    /// Of each group, so far.
    private(set) var scales: [Float]
    /// What forbids a group any scale but 1.
    let obstacles: [String?]
    /// What the next layers' biases took over of a channel, in its present scale.
    private var absorbed: [ScaleGroups.Member: Float] = [:]

    init(
        _ network: FloatNetwork, statistics: EqualizationStatistics, granularity: Granularity,
        dead: [DeadChannels]
    ) {
        self.network = network
        self.statistics = statistics
        self.granularity = granularity
        groups = ScaleGroups(network.graph).groups
        let isDead = Set(
            dead.flatMap { layer in
                layer.channels.map {
                    ScaleGroups.Member(value: network.graph.value(of: layer.node), channel: $0)
                }
            })
        parameters = ScalableParameters(network)
        scales = [Float](repeating: 1, count: groups.count)
        obstacles = groups.map { group in
            if group.members.contains(where: isDead.contains) { return "dead channels" }
            if group.producers.isEmpty || group.consumers.isEmpty { return "no weights behind it" }
            for member in group.members {
                guard let node = network.graph.node(of: member.value) else { continue }
                let clamp = network.graph.nodes[node].clamp
                if let lower = clamp.lower, lower != 0 { return "a clamp with a lower bound" }
                if let upper = clamp.upper, upper <= 0 { return "a clamp with an upper bound of 0" }
                let highest = statistics.extrema.upper[node][member.channel]
                if let upper = clamp.upper, highest >= upper * Equalization.capShare {
                    return "channels that reach their clamp's upper bound"
                }
            }
            return nil
        }
    }

    var result: FloatNetwork {
        FloatNetwork(graph: network.graph, parameters: parameters.parameters)
    }

    var rescaling: ChannelRescaling {
        let graph = network.graph
        let channels = graph.nodes.map(\.shape.channels)
        let starts = channels.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        // Inputs are in no group.
        func place(_ member: ScaleGroups.Member) -> Int {
            graph.node(of: member.value).map { starts[$0] + member.channel } ?? 0
        }
        let total = channels.reduce(0, +)
        var result = ChannelRescaling(
            scales: [Float](repeating: 1, count: total),
            offsets: [Float](repeating: 0, count: total))
        for (group, scale) in zip(groups, scales) {
            for member in group.members { result.scales[place(member)] = scale }
        }
        for (member, constant) in absorbed { result.offsets[place(member)] = constant }
        return result
    }

    /// Most by which a group may still grow without leaving a clamp's bound on the calibration
    /// images.
    func clampLimit(_ group: Int) -> Float {
        var limit = Float.infinity
        for member in groups[group].members {
            guard let node = network.graph.node(of: member.value),
                let upper = network.graph.nodes[node].clamp.upper
            else { continue }
            let highest = statistics.extrema.upper[node][member.channel]
            guard highest > 0 else { continue }
            limit = min(limit, upper / (highest * scales[group]))
        }
        return limit
    }

    mutating func scale(_ group: Int, by factor: Float) {
        guard factor.isFinite, factor > 0, factor != 1 else { return }
        scales[group] *= factor
        for (node, channel) in groups[group].producers {
            parameters.scaleRow(node, channel, by: factor)
        }
        for (node, channel) in groups[group].consumers {
            parameters.scaleColumn(node, channel, by: 1 / factor)
        }
    }

    // MARK: One step

    /// `s_k = min(A / A_k, 16, w / w_k)` in topological order, A the range of each tensor the
    /// channel is in, w the weight range of each layer that makes it. No range grows. The paper's
    /// lower limit of 0.7 in front of ReLU6 never matters, as no scale is below 1.
    /// - Parameter isIncluded: which channels, by default all.
    mutating func fillRanges(where isIncluded: (ScaleGroups.Group) -> Bool = { _ in true }) {
        let ranges = statistics.extrema.ranges
        var maxima: [Int: Float] = [:]
        for group in groups.indices where obstacles[group] == nil && isIncluded(groups[group]) {
            var factor = min(Equalization.largestScale, clampLimit(group))
            for member in groups[group].members {
                guard let node = network.graph.node(of: member.value) else { continue }
                let highest = statistics.extrema.upper[node][member.channel]
                let lowest = statistics.extrema.lower[node][member.channel]
                if highest > 0 { factor = min(factor, ranges[node].upper / highest) }
                if lowest < 0 { factor = min(factor, ranges[node].lower / lowest) }
            }
            if granularity == .tensor {
                for (node, channel) in groups[group].producers {
                    let range = maxima[node] ?? layerMaximum(node)
                    maxima[node] = range
                    let row = parameters.rowMaximum(node, channel)
                    if row > 0 { factor = min(factor, range / row) }
                }
            }
            scale(group, by: max(factor, 1))
        }
    }

    /// Largest magnitude of every layer's weights, by node; 1 where there is none.
    var layerMaxima: [Float] {
        network.graph.nodes.indices.map(layerMaximum)
    }

    private func layerMaximum(_ node: Int) -> Float {
        let channels = network.graph.nodes[node].shape.channels
        let largest = (0..<channels).reduce(0) { max($0, parameters.rowMaximum(node, $1)) }
        return largest > 0 ? largest : 1
    }

    // MARK: Cross-layer

    /// `s_k = sqrt(r2_k / r1_k)`, r1 and r2 the weight ranges in front of and behind the channel,
    /// each as a share of its layer's; of several layers the largest share counts.
    ///
    /// Channels that reach their clamp cannot be scaled. Shares keep all others in proportion to
    /// them.
    mutating func balance() {
        for _ in 0..<Equalization.sweeps {
            let maxima = layerMaxima
            for group in groups.indices where obstacles[group] == nil {
                var (before, behind): (Float, Float) = (0, 0)
                for (node, channel) in groups[group].producers {
                    before = max(before, parameters.rowMaximum(node, channel) / maxima[node])
                }
                for (node, channel) in groups[group].consumers {
                    behind = max(behind, parameters.columnMaximum(node, channel) / maxima[node])
                }
                guard before > 0, behind > 0 else { continue }
                scale(group, by: min((behind / before).squareRoot(), clampLimit(group)))
            }
        }
    }

    /// `c = max(0, mean - 3 deviations)` moves from a channel's bias to the next layer's, where the
    /// channel never falls below c on the calibration images and has a ReLU behind it that it
    /// always passes.
    ///
    /// Padding stands for an activation of 0, which the constant would change: layers read with
    /// padding absorb nothing.
    mutating func absorbBiases() {
        let graph = network.graph
        let consumers = graph.consumers
        for (index, group) in groups.enumerated() where obstacles[index] == nil {
            guard group.members.count == 1, let (node, channel) = group.producers.first,
                graph.nodes[node].clamp.lower == 0
            else { continue }
            let readers = consumers[graph.value(of: node)]
            guard readers.allSatisfy({ graph.nodes[$0].convolution?.window.isPadded == false })
            else { continue }
            let constant = min(
                statistics.means[node][channel] - 3 * statistics.deviations[node][channel],
                Double(statistics.extrema.lower[node][channel]))
            guard constant > 0 else { continue }
            let scaled = Float(constant) * scales[index]
            for reader in readers { parameters.absorb(scaled, into: reader, channel) }
            parameters.lowerBias(node, channel, by: scaled)
            absorbed[group.members[0]] = scaled
        }
    }

    // MARK: Report

    var report: [Equalization.Layer] {
        let graph = network.graph
        var groupOf: [Int: [Int]] = [:]
        for (index, group) in groups.enumerated() {
            for (node, _) in group.producers { groupOf[node, default: []].append(index) }
        }
        return graph.convolutions.map { node in
            let own = groupOf[node] ?? []
            let scales = own.map { self.scales[$0] }
            let kept = own.compactMap { obstacles[$0] }
            var reasons: [String] = []
            if own.isEmpty {
                reasons = [
                    "tied to the network's input or output, or to an operation not linear in scale"
                ]
            }
            for reason in Set(kept).sorted() {
                reasons.append("\(kept.count { $0 == reason }): \(reason)")
            }
            return Equalization.Layer(
                layer: graph.nodes[node].name, scaledChannels: scales.count { $0 != 1 },
                smallestScale: scales.min() ?? 1, largestScale: scales.max() ?? 1,
                absorbedChannels: absorbed.keys.count { $0.value == graph.value(of: node) },
                reason: reasons.isEmpty ? nil : reasons.joined(separator: "; "))
        }
    }
}

extension Window {
    fileprivate var isPadded: Bool { padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0 }
}
