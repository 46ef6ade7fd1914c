// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// The ranges of all values, and with them the integer network. Where extrema give the ranges it
/// takes no round; else a float pass over the images of the ranges counts histograms.
struct Ranging: Stage {
    static let name = "ranging"

    /// Of all nodes, from histograms; nil until they are counted, and where extrema give them.
    private(set) var ranges: [ActivationRange]?

    func roundLimit(_ context: JobContext) -> Int { context.options.range.usesHistogram ? 1 : 0 }

    private func needsRound(_ context: JobContext) -> Bool {
        context.options.range.usesHistogram && ranges == nil
    }

    mutating func resume(_ context: inout JobContext) throws {
        guard
            ranges.map({ $0.count == context.network.graph.nodes.count }) ?? true,
            ranges == nil || context.options.range.usesHistogram
        else { throw CalibrationError(.checkpointMismatch(field: "ranges")) }
        guard let biases = context.biases else { return }
        guard context.statistics != nil else {
            throw CalibrationError(.checkpointMismatch(field: "statistics"))
        }
        guard !needsRound(context) else {
            throw CalibrationError(.checkpointMismatch(field: "ranges"))
        }
        try context.quantize(ranges)
        guard biases.layers.map(\.count) == context.widths else {
            throw CalibrationError(.checkpointMismatch(field: "biases"))
        }
    }

    mutating func prepare(_ context: inout JobContext) throws {
        if needsRound(context) {
            try context.checkStatistics()
        } else if context.quantized == nil {
            try context.quantize(ranges)
        }
    }

    func nextRound(_ context: JobContext) -> RoundRequest? {
        needsRound(context)
            ? RoundRequest(.histograms(edges: context.observedRanges), context.rangeShards) : nil
    }

    func place(_ context: JobContext) -> Place { .ranging }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        let nodes = context.network.graph.nodes.count
        var total = ActivationHistograms(nodes: nodes)
        for payload in results {
            total.add(try ActivationHistograms(payload: payload, nodes: nodes))
        }
        let options = context.options
        ranges = context.observedRanges.enumerated().map { node, edges in
            total.histogram(node: node, edges: edges)
                .range(options.range, type: options.scheme.activationType)
        }
    }

    func write(to fields: inout StageFields) {
        guard let ranges else { return }
        fields.lasting["ranges"] = .floats(ranges.flatMap { [$0.lower, $0.upper] })
    }
}

extension Ranging {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        guard fields.has("ranges") else { return }
        let edges = try fields.floats("ranges")
        guard edges.count % 2 == 0, edges.allSatisfy(\.isFinite) else {
            throw StageFields.Unreadable("ranges")
        }
        ranges = stride(from: 0, to: edges.count, by: 2).map {
            ActivationRange(lower: edges[$0], upper: edges[$0 + 1])
        }
    }
}
