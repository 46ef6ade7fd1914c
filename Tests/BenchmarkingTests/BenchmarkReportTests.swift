// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import TestSupport
import Testing

@testable import Benchmarking

@Suite struct BenchmarkReportTests {
    @Test func mediansOfEvenCountsAreBetweenBothInTheMiddle() {
        #expect([3.0].median == 3)
        #expect([9.0, 1, 2].median == 2)
        #expect([4.0, 1, 2, 9].median == 3)
    }

    @Test func layersCountOperationsAndBytesOnce() throws {
        let network = SmallNetwork.everything(seed: 5)
        let summary = GraphSummary(network.graph)
        let seconds = [Double](repeating: 1e-3, count: summary.rows.count)
        let rows = LayerReport.rows(
            summary, seconds, seconds, peak: Peak(),
            isFloat: [Bool](repeating: false, count: network.graph.valueCount))
        #expect(rows.count == network.graph.nodes.count)
        for (row, source) in zip(rows, summary.rows) {
            #expect((row.float.gops == nil) == (source.macs == 0))
            let values = row.float.bytes - 4 * source.parameters
            let biases = source.parameters == 0 ? 0 : source.outputShape.channels
            #expect(values == 4 * (row.integer.bytes - source.parameters - 3 * biases))
        }
        let table = LayerReport.table(rows)
        #expect(table.split(separator: "\n").count == rows.count + 3)
        #expect(table.contains("sum: float \(rows.count).00 ms"))
    }

    @Test func aRunMeasuresEveryPass() throws {
        let run = try ThroughputRun(SmallNetwork.everything(seed: 5), threads: 1)
        let report = run.report(repetitions: 1, timesLayers: false)
        for rate in [report.float, report.integer, report.backward, report.training] {
            #expect(rate.imagesPerSecond > 0 && rate.repetitions.count == 1)
        }
        #expect(report.text.contains("1 threads, 1 repetitions"))
    }
}
