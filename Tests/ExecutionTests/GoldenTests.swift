// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import ONNXImport
import TestSupport
import Testing

/// The float executor against ONNX Runtime, one small model per operator and exporter idiom.
@Suite struct GoldenTests {
    @Test func fixturesArePresent() { #expect(Golden.names.count > 60) }

    @Test(arguments: Golden.names)
    func computesWhatONNXRuntimeComputes(_ name: String) throws {
        let network = try ONNXImporter.loadFloatNetwork(path: Golden.path(of: name))
        let golden = try Golden(named: name)
        let executor = FloatExecutor(network)
        let workspace = Workspace()
        let (values, scale) = golden.outputs(of: network.graph) { input in
            executor.run(input.map { Float($0) }, workspace: workspace).map(Double.init)
        }
        try #require(values.count == golden.output.values.count)
        for (index, (ours, theirs)) in zip(values, golden.output.values).enumerated() {
            #expect(abs(ours - theirs) <= 1e-4 * scale, "element \(index)")
        }
    }
}
