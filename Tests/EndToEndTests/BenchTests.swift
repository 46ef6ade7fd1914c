// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Benchmarks {
        @Test func keysAndLayers() throws {
            let network = try ONNXImporter.loadFloatNetwork(path: Example.model)
            let summary = GraphSummary(network.graph)
            let outcome = try ChildProcess.run([
                "bench", "--model", Example.model, "--repetitions", "1", "--layers", "--json",
            ])
            #expect(outcome.status == 0, "\(outcome.log)")
            let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
            for rate in [report.float, report.integer, report.backward, report.training] {
                #expect(rate.images_per_second > 0)
                #expect(rate.repetitions == [rate.images_per_second])
            }
            #expect(report.peak.gflops > 0 && report.peak.integer_gops > 0)
            let layers = try #require(report.layers)
            #expect(layers.map(\.name) == summary.rows.map(\.name))
            #expect(layers.map(\.macs) == summary.rows.map(\.macs))
            for (layer, row) in zip(layers, summary.rows) {
                let elements = row.inputShape.count + row.outputShape.count
                #expect(layer.float.bytes >= 4 * (row.parameters + elements), "\(row.name)")
                #expect(layer.integer.bytes >= row.parameters + elements, "\(row.name)")
                for cost in [layer.float, layer.integer] {
                    #expect(cost.microseconds > 0, "\(row.name)")
                    #expect((cost.gops != nil) == (row.macs > 0), "\(row.name)")
                    let operations = (cost.gops ?? 0) * cost.microseconds * 1e3
                    #expect(abs(operations - 2 * Double(row.macs)) <= 1e-6 * Double(row.macs))
                }
            }
        }

        @Test func layersAreLeftOutUnlessAskedFor() throws {
            let flags = ["bench", "--model", Example.model, "--repetitions", "1"]
            let table = try ChildProcess.run(flags)
            #expect(table.status == 0, "\(table.log)")
            #expect(table.output.contains("peak of one thread") && !table.output.contains("sum:"))
            let object = try ChildProcess.run(flags + ["--json"])
            let report = try JSONDecoder().decode(Report.self, from: Data(object.output.utf8))
            #expect(report.layers == nil)
        }

        private struct Report: Decodable {
            struct Rate: Decodable {
                var images_per_second: Double
                var repetitions: [Double]
            }
            struct Peak: Decodable { var gflops, integer_gops: Double }
            struct Cost: Decodable {
                var microseconds: Double
                var gops: Double?
                var bytes: Int
            }
            struct Layer: Decodable {
                var name: String
                var macs: Int
                var float, integer: Cost
            }
            var peak: Peak
            var float, integer, backward, training: Rate
            var layers: [Layer]?
        }
    }
}
