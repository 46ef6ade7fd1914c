import Execution
import Kernels
package import NetworkGraph
package import Quantization

/// Per-channel sums and extrema of the float network over some images: the statistics round's result.
package struct NetworkStatistics: Hashable, Sendable {
    /// Images the sums cover; the extrema may cover more.
    package var sumImages: Int
    /// Sum over pixels and images before the clamp, flat over all nodes' channels.
    package var sumsBefore: [Double]
    /// The same after the clamp.
    package var sumsAfter: [Double]
    /// Sum of squares after the clamp.
    package var squaresAfter: [Double]
    package var lower: [Float]
    package var upper: [Float]
    /// Range of the network's input, where it is not known from the pixel encoding.
    package var inputLower: Float
    package var inputUpper: Float

    package init(
        sumImages: Int, sumsBefore: [Double], sumsAfter: [Double], squaresAfter: [Double],
        lower: [Float], upper: [Float], inputLower: Float, inputUpper: Float
    ) {
        self.sumImages = sumImages
        self.sumsBefore = sumsBefore
        self.sumsAfter = sumsAfter
        self.squaresAfter = squaresAfter
        self.lower = lower
        self.upper = upper
        self.inputLower = inputLower
        self.inputUpper = inputUpper
    }

    init(channels: Int) {
        sumImages = 0
        sumsBefore = [Double](repeating: 0, count: channels)
        sumsAfter = sumsBefore
        squaresAfter = sumsBefore
        lower = [Float](repeating: .infinity, count: channels)
        upper = [Float](repeating: -.infinity, count: channels)
        inputLower = .infinity
        inputUpper = -.infinity
    }

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
        inputLower = min(inputLower, other.inputLower)
        inputUpper = max(inputUpper, other.inputUpper)
    }
}

extension NetworkStatistics {
    /// One image's statistics.
    init(
        image: [Float], executor: FloatExecutor, layout: ChannelLayout, workspace: Workspace
    ) {
        self.init(channels: layout.total)
        sumImages = 1
        inputLower = image.min() ?? 0
        inputUpper = image.max() ?? 0
        var run = executor.start(image, workspace: workspace)
        for (index, node) in executor.graph.nodes.enumerated() {
            let offset = layout.offsets[index]
            run.step(workspace: workspace) { values in
                StatisticsKernels.statistics(
                    values, pixels: node.shape.pixels, channels: node.shape.channels,
                    clamp: node.clamp, offset: offset, sumsBefore: &sumsBefore,
                    sumsAfter: &sumsAfter, squaresAfter: &squaresAfter, lower: &lower,
                    upper: &upper)
            }
        }
        _ = run.finish(workspace: workspace)
    }

    func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(sumImages)])
        writer.append([inputLower, inputUpper])
        writer.append(sumsBefore)
        writer.append(sumsAfter)
        writer.append(squaresAfter)
        writer.append(lower)
        writer.append(upper)
        return writer.bytes
    }

    init(payload: [UInt8], channels: Int) throws(CalibrationError) {
        self.init(channels: channels)
        var reader = PayloadReader(payload)
        sumImages = Int(try reader.read(Int64.self, count: 1)[0])
        let input = try reader.read(Float.self, count: 2)
        inputLower = input[0]
        inputUpper = input[1]
        sumsBefore = try reader.read(Double.self, count: channels)
        sumsAfter = try reader.read(Double.self, count: channels)
        squaresAfter = try reader.read(Double.self, count: channels)
        lower = try reader.read(Float.self, count: channels)
        upper = try reader.read(Float.self, count: channels)
        try reader.finish()
    }
}

extension StatisticsKernels {
    /// Statistics of one node into flat arrays; `offset` is the node's first channel.
    fileprivate static func statistics(
        _ values: UnsafeMutablePointer<Float>, pixels: Int, channels: Int, clamp: Clamp,
        offset: Int, sumsBefore: inout [Double], sumsAfter: inout [Double],
        squaresAfter: inout [Double], lower: inout [Float], upper: inout [Float]
    ) {
        sumsBefore.withUnsafeMutableBufferPointer { before in
            sumsAfter.withUnsafeMutableBufferPointer { after in
                squaresAfter.withUnsafeMutableBufferPointer { squares in
                    lower.withUnsafeMutableBufferPointer { lower in
                        upper.withUnsafeMutableBufferPointer { upper in
                            guard let before = before.baseAddress, let after = after.baseAddress,
                                let squares = squares.baseAddress, let lower = lower.baseAddress,
                                let upper = upper.baseAddress
                            else { return }
                            floatStatistics(
                                values, clamp: clamp, pixels: pixels, channels: channels,
                                sumsPre: before + offset, sumsPost: after + offset,
                                squaresPost: squares + offset, minPost: lower + offset,
                                maxPost: upper + offset)
                        }
                    }
                }
            }
        }
    }
}
