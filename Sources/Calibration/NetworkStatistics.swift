// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
package import NetworkGraph
package import Quantization

/// Per-channel sums and extrema of the float network over some images: the statistics round's
/// result.
package struct NetworkStatistics: Hashable, Sendable {
    /// Images the sums cover; the extrema may cover more.
    package var sumImages: Int
    /// Sum over pixels and images before the clamp, flat over all nodes' channels.
    package var sumsBefore: [Double]
    /// The same after the clamp.
    package var sumsAfter: [Double]
    /// Sum of squares after the clamp.
    package var squaresAfter: [Double]
    /// Smallest value after the clamp, flat over all nodes' channels.
    package var lower: [Float]
    /// Largest value after the clamp, flat over all nodes' channels.
    package var upper: [Float]
    /// Ranges of the network's inputs, for those not known from the pixel encoding.
    package var inputs: [ActivationRange]

    /// Memberwise, unchecked.
    package init(
        sumImages: Int, sumsBefore: [Double], sumsAfter: [Double], squaresAfter: [Double],
        lower: [Float], upper: [Float], inputs: [ActivationRange]
    ) {
        self.sumImages = sumImages
        self.sumsBefore = sumsBefore
        self.sumsAfter = sumsAfter
        self.squaresAfter = squaresAfter
        self.lower = lower
        self.upper = upper
        self.inputs = inputs
    }

    init(channels: Int, inputs count: Int) {
        sumImages = 0
        sumsBefore = [Double](repeating: 0, count: channels)
        sumsAfter = sumsBefore
        squaresAfter = sumsBefore
        lower = [Float](repeating: .infinity, count: channels)
        upper = [Float](repeating: -.infinity, count: channels)
        inputs = [ActivationRange](
            repeating: ActivationRange(lower: .infinity, upper: -.infinity), count: count)
    }

    /// Extrema by node and channel, for ranges and dead channels.
    package func extrema(_ graph: Graph) -> ChannelExtrema {
        let layout = ChannelLayout(graph)
        return ChannelExtrema(
            lower: graph.nodes.indices.map { Array(lower[layout.range($0)]) },
            upper: graph.nodes.indices.map { Array(upper[layout.range($0)]) })
    }

    /// Mean and standard deviation of every channel behind the clamp, per node.
    func moments(_ graph: Graph) -> [(means: [Double], deviations: [Double])] {
        let layout = ChannelLayout(graph)
        return graph.nodes.enumerated().map { index, node in
            let count = Double(sumImages) * Double(node.shape.pixels)
            let means = layout.range(index).map { sumsAfter[$0] / count }
            let deviations = zip(layout.range(index), means).map { channel, mean in
                max(squaresAfter[channel] / count - mean * mean, 0).squareRoot()
            }
            return (means, deviations)
        }
    }

    /// Adds sums, in the order of calls.
    mutating func addSums(_ other: NetworkStatistics) {
        sumImages += other.sumImages
        for index in sumsBefore.indices {
            sumsBefore[index] += other.sumsBefore[index]
            sumsAfter[index] += other.sumsAfter[index]
            squaresAfter[index] += other.squaresAfter[index]
        }
    }

    mutating func widen(_ other: NetworkStatistics) {
        for index in lower.indices {
            // A NaN must survive: comparisons with it are false.
            if !(lower[index] <= other.lower[index]) { lower[index] = other.lower[index] }
            if !(upper[index] >= other.upper[index]) { upper[index] = other.upper[index] }
        }
        for (index, range) in other.inputs.enumerated() {
            inputs[index] = ActivationRange(
                lower: min(inputs[index].lower, range.lower),
                upper: max(inputs[index].upper, range.upper))
        }
    }
}

extension NetworkStatistics {
    /// One image's statistics.
    /// - Parameters:
    ///   - image: NHWC.
    ///   - inputs: smallest and largest value of each input.
    ///   - executor: of the float network.
    ///   - layout: of its nodes.
    ///   - workspace: of the calling thread.
    init(
        image: [Float], inputs: [ActivationRange], executor: FloatExecutor,
        layout: ChannelLayout, workspace: Workspace
    ) {
        self.init(channels: layout.total, inputs: inputs.count)
        sumImages = 1
        self.inputs = inputs
        var run = executor.start(image, workspace: workspace)
        withChannelStatistics { all in
            while run.next < executor.graph.nodes.count {
                run.advance(workspace: workspace) { all.advanced(by: layout.offsets[$0]) }
            }
        }
        _ = run.finish(workspace: workspace)
    }

    /// Hands the arrays' memory to `body`.
    private mutating func withChannelStatistics(_ body: (ChannelStatistics) -> Void) {
        sumsBefore.withUnsafeMutableBufferPointer { before in
            sumsAfter.withUnsafeMutableBufferPointer { after in
                squaresAfter.withUnsafeMutableBufferPointer { squares in
                    lower.withUnsafeMutableBufferPointer { lower in
                        upper.withUnsafeMutableBufferPointer { upper in
                            guard let before = before.baseAddress, let after = after.baseAddress,
                                let squares = squares.baseAddress, let lower = lower.baseAddress,
                                let upper = upper.baseAddress
                            else { return }
                            body(
                                ChannelStatistics(
                                    sumsBefore: before, sumsAfter: after, squaresAfter: squares,
                                    lower: lower, upper: upper))
                        }
                    }
                }
            }
        }
    }

    func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(sumImages)])
        writer.append(inputs.map(\.lower) + inputs.map(\.upper))
        writer.append(sumsBefore)
        writer.append(sumsAfter)
        writer.append(squaresAfter)
        writer.append(lower)
        writer.append(upper)
        return writer.bytes
    }

    init(payload: [UInt8], channels: Int, inputs count: Int) throws(CalibrationError) {
        self.init(channels: channels, inputs: count)
        var reader = PayloadReader(payload)
        sumImages = Int(try reader.read(Int64.self, count: 1)[0])
        inputs = ActivationRange.ranges(try reader.read(Float.self, count: 2 * count))
        sumsBefore = try reader.read(Double.self, count: channels)
        sumsAfter = try reader.read(Double.self, count: channels)
        squaresAfter = try reader.read(Double.self, count: channels)
        lower = try reader.read(Float.self, count: channels)
        upper = try reader.read(Float.self, count: channels)
        try reader.finish()
    }
}

extension ActivationRange {
    /// Ranges from all lower bounds and then all upper ones.
    package static func ranges(_ bounds: [Float]) -> [ActivationRange] {
        let count = bounds.count / 2
        return (0..<count).map { ActivationRange(lower: bounds[$0], upper: bounds[count + $0]) }
    }
}
