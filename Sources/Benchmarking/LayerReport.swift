// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import PrintableText

/// What one node costs in both executors.
package struct LayerReport: Encodable, Sendable {
    /// Time and work of one executor at this node.
    package struct Cost: Encodable, Sendable {
        /// Median over images.
        var microseconds: Double
        /// 10^9 operations per second, two per multiplication with a weight; nil where there are no
        /// weights.
        var gops: Double?
        /// Of the operations one thread does at most.
        var shareOfPeak: Double?
        /// Weights, biases, operands and result, each once.
        var bytes: Int

        enum CodingKeys: String, CodingKey {
            case microseconds, gops, bytes
            case shareOfPeak = "share_of_peak"
        }

        /// `peak` in operations per second.
        init(seconds: Double, macs: Int, peak: Double, bytes: Int) {
            microseconds = seconds * 1e6
            self.bytes = bytes
            guard macs > 0 else { return }
            let rate = 2 * Double(macs) / seconds
            gops = rate / 1e9
            shareOfPeak = rate / peak
        }
    }

    var name: String
    var kind: String
    var output: String
    /// Multiplications with weights.
    var macs: Int
    var float: Cost
    var integer: Cost

    /// One per node: `float` and `integer` are seconds by node; `isFloat` says, by value, what
    /// stays float in the 8-bit network.
    static func rows(
        _ summary: GraphSummary, _ float: [Double], _ integer: [Double], peak: Peak,
        isFloat: [Bool]
    ) -> [LayerReport] {
        func elements(_ value: Int) -> Int {
            let inputs = summary.inputs
            return value < inputs.count
                ? inputs[value].shape.count : summary.rows[value - inputs.count].outputShape.count
        }
        return summary.rows.enumerated().map { index, row in
            let activations = row.inputs + [row.index]
            let biases = row.parameters == 0 ? 0 : row.outputShape.channels
            let floatBytes = 4 * (row.parameters + activations.reduce(0) { $0 + elements($1) })
            let integerBytes = activations.reduce(row.parameters + 3 * biases) {
                $0 + elements($1) * (isFloat[$1] ? 4 : 1)
            }
            return LayerReport(
                name: row.name, kind: row.kind, output: "\(row.outputShape)", macs: row.macs,
                float: Cost(
                    seconds: float[index], macs: row.macs, peak: peak.float, bytes: floatBytes),
                integer: Cost(
                    seconds: integer[index], macs: row.macs, peak: peak.integer,
                    bytes: integerBytes))
        }
    }

    static func table(_ rows: [LayerReport]) -> String {
        var table = TextTable(
            header: [
                "layer", "output", "MMAC", "float µs", "GFLOP/s", "peak", "MB", "integer µs",
                "GOP/s",
                "peak", "MB",
            ], leftColumns: [0, 1])
        for row in rows {
            table.rows.append(
                [row.kind, row.output, (Double(row.macs) / 1e6).formatted(decimals: 1)]
                    + row.float.cells + row.integer.cells)
        }
        let total = rows.reduce(into: (float: 0.0, integer: 0.0)) {
            $0.float += $1.float.microseconds
            $0.integer += $1.integer.microseconds
        }
        return table.text
            + "\nsum: float \((total.float / 1e3).formatted(decimals: 2)) ms, integer "
            + "\((total.integer / 1e3).formatted(decimals: 2)) ms"
    }
}

extension LayerReport.Cost {
    fileprivate var cells: [String] {
        [
            microseconds.formatted(decimals: 1), gops?.formatted(decimals: 1) ?? "",
            shareOfPeak.map(\.percent) ?? "", (Double(bytes) / 1e6).formatted(decimals: 2),
        ]
    }
}

extension Double {
    /// A share in whole percent.
    var percent: String { "\((100 * self).formatted(decimals: 0)) %" }
}
