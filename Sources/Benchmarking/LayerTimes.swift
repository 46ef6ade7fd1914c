// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import NetworkGraph
import Quantization

/// Seconds that every node of a run took, taken around its steps.
struct LayerTimes {
    /// By image and node.
    private var seconds: [[Double]] = []

    /// By node.
    var medians: [Double] {
        (seconds.first ?? []).indices.map { node in seconds.map { $0[node] }.median }
    }

    mutating func record(_ image: [Float], _ executor: FloatExecutor, workspace: Workspace) {
        var run = executor.start(image, workspace: workspace)
        record(nodes: executor.graph.nodes.count) { run.step(workspace: workspace) }
        _ = run.finish(workspace: workspace)
    }

    mutating func record(
        _ image: [Float], _ executor: IntegerExecutor, biases: BiasState, workspace: Workspace
    ) {
        var run = executor.start(image, workspace: workspace)
        record(nodes: executor.graph.nodes.count) {
            run.step(biases: biases, workspace: workspace)
        }
        _ = run.finish(workspace: workspace)
    }

    private mutating func record(nodes: Int, _ step: () -> Void) {
        let clock = ContinuousClock()
        var last = clock.now
        seconds.append(
            (0..<nodes).map { _ in
                step()
                let now = clock.now
                defer { last = now }
                return (now - last) / .seconds(1)
            })
    }
}

extension [Double] {
    /// Of at least one number; the mean of both in the middle.
    var median: Double {
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
