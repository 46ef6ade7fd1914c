// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization

/// Histograms of every node's output over some images: the histogram round's result.
///
/// Bins are of equal width between edges that the statistics gave. Counts are integers, so their
/// sums are exact in any order.
struct ActivationHistograms: Hashable, Sendable {
    /// Bins per node.
    static let bins = 2048

    var images: Int
    /// Flat, node after node.
    var counts: [Int64]

    init(nodes: Int) {
        images = 0
        counts = [Int64](repeating: 0, count: nodes * Self.bins)
    }

    /// One image's histograms.
    init(
        image: [Float], executor: FloatExecutor, view: RescaledActivations,
        edges: [ActivationRange], workspace: Workspace
    ) {
        self.init(nodes: executor.graph.nodes.count)
        images = 1
        var run = executor.start(image, workspace: workspace)
        for (index, node) in executor.graph.nodes.enumerated() {
            let values = run.step(workspace: workspace)
            view.observe(
                values, node: index, pixels: node.shape.pixels, workspace: workspace
            ) { values, pixels in
                count(
                    UnsafeBufferPointer(
                        start: values, count: pixels.count * node.shape.channels),
                    edges: edges[index], into: index * Self.bins)
            }
        }
        _ = run.finish(workspace: workspace)
    }

    private mutating func count(
        _ values: UnsafeBufferPointer<Float>, edges: ActivationRange, into offset: Int
    ) {
        let lower = Double(edges.lower)
        let scale = Double(Self.bins) / (Double(edges.upper) - lower)
        // Every value is in the first bin of a range without extent.
        guard scale.isFinite, scale > 0 else {
            counts[offset] += Int64(values.count)
            return
        }
        let last = Double(Self.bins - 1)
        counts.withUnsafeMutableBufferPointer { counts in
            for value in values {
                // Max first: it turns a NaN into 0.
                let bin = min(max(0, (Double(value) - lower) * scale), last)
                counts[offset + Int(bin)] += 1
            }
        }
    }

    mutating func add(_ other: ActivationHistograms) {
        images += other.images
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(images)])
        writer.append(counts)
        return writer.bytes
    }

    init(payload: [UInt8], nodes: Int) throws(CalibrationError) {
        self.init(nodes: nodes)
        var reader = PayloadReader(payload)
        images = Int(try reader.read(Int64.self, count: 1)[0])
        counts = try reader.read(Int64.self, count: nodes * Self.bins)
        try reader.finish()
    }

    /// One node's histogram.
    func histogram(node: Int, edges: ActivationRange) -> Histogram {
        Histogram(
            counts: Array(counts[node * Self.bins..<(node + 1) * Self.bins]), edges: edges)
    }
}
