// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// A float pass over the images of ranges and corrections: sums and extrema of all channels of the
/// network as given. With them, equalization finds the network that is quantized.
struct Statistics: Stage {
    struct Found: Hashable, Sendable {
        var all: NetworkStatistics
        /// Sums over the measured images alone, which errors are compared with.
        var measured: NetworkStatistics
    }

    static let name = "statistics"

    /// Nil until its round is done.
    private(set) var found: Found?

    func roundLimit(_ context: JobContext) -> Int { 1 }

    mutating func resume(_ context: inout JobContext) throws {
        guard let found else { return }
        for statistics in [found.all, found.measured] {
            guard statistics.sumsBefore.count == ChannelLayout(context.network.graph).total,
                statistics.inputs.count == context.network.graph.inputs.count
            else { throw CalibrationError(.checkpointMismatch(field: "number of channels")) }
        }
        context.take(found)
    }

    func nextRound(_ context: JobContext) -> RoundRequest? {
        found == nil ? RoundRequest(.statistics, context.statisticsShards) : nil
    }

    func place(_ context: JobContext) -> Place { .statistics }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        let graph = context.network.graph
        let channels = ChannelLayout(graph).total
        let empty = NetworkStatistics(channels: channels, inputs: graph.inputs.count)
        var found = Found(all: empty, measured: empty)
        let ranges = context.options.rangeImages
        for (shard, payload) in zip(context.statisticsShards, results) {
            let statistics = try NetworkStatistics(
                payload: payload, channels: channels, inputs: graph.inputs.count)
            func isWithin(_ count: Int) -> Bool { shard.images.allSatisfy { $0 < count } }
            if isWithin(ranges) { found.all.widen(statistics) }
            if isWithin(context.correctionImages) { found.all.addSums(statistics) }
            if isWithin(context.measuredImages) { found.measured.addSums(statistics) }
        }
        self.found = found
        context.take(found)
    }

    func write(to fields: inout StageFields) {
        guard let found else { return }
        found.all.write(to: &fields, as: "statistics")
        found.measured.write(to: &fields, as: "measured")
    }
}

extension Statistics {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        guard fields.has("statistics.images") else { return }
        found = Found(
            all: try NetworkStatistics(fields, "statistics"),
            measured: try NetworkStatistics(fields, "measured"))
    }
}

extension NetworkStatistics {
    fileprivate func write(to fields: inout StageFields, as name: String) {
        fields.lasting["\(name).images"] = .int64s([Int64(sumImages)])
        fields.lasting["\(name).sums-before"] = .doubles(sumsBefore)
        fields.lasting["\(name).sums-after"] = .doubles(sumsAfter)
        fields.lasting["\(name).squares-after"] = .doubles(squaresAfter)
        fields.lasting["\(name).lower"] = .floats(lower)
        fields.lasting["\(name).upper"] = .floats(upper)
        fields.lasting["\(name).input"] = .floats(inputs.map(\.lower) + inputs.map(\.upper))
    }

    fileprivate init(_ fields: StageFields, _ name: String) throws(StageFields.Unreadable) {
        let before = try fields.doubles("\(name).sums-before")
        let count = before.count
        self.init(
            sumImages: try fields.integers("\(name).images", count: 1)[0], sumsBefore: before,
            sumsAfter: try fields.doubles("\(name).sums-after", count: count),
            squaresAfter: try fields.doubles("\(name).squares-after", count: count),
            lower: try fields.floats("\(name).lower", count: count),
            upper: try fields.floats("\(name).upper", count: count),
            inputs: ActivationRange.ranges(try fields.floats("\(name).input")))
    }
}
