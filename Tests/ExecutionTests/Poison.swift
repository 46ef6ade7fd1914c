// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import TestSupport

extension Workspace {
    /// Leaves buffers of every size a network takes, full of NaN and 0xA5, and scratch memory of
    /// the same kind.
    func poison(for graph: Graph) {
        let counts = (0..<graph.valueCount).map { graph.shape(of: $0).count }
        let buffers = counts.flatMap { [take(byteCount: $0), take(byteCount: 4 * $0)] }
        for (index, buffer) in buffers.enumerated() {
            let byte: UInt8 = index % 3 == 0 ? 0xFF : 0xA5
            buffer.pointer.initializeMemory(
                as: UInt8.self, repeating: byte, count: buffer.byteCount)
            give(buffer)
        }
        let bytes = 1 << 20
        scratch(byteCount: bytes).initializeMemory(as: UInt8.self, repeating: 0xFF, count: bytes)
    }
}

/// Random inputs of a graph, NHWC; some values lie outside every range.
func randomImages(_ count: Int, for graph: Graph, using generator: inout SeededGenerator)
    -> [[Float]]
{
    (0..<count).map { _ in
        (0..<graph.inputCount).map { _ in
            generator.unit() * (Int.random(in: 0..<50, using: &generator) == 0 ? 40 : 1.5)
        }
    }
}

extension Array where Element == Float {
    /// Equality of bits: NaN equals itself, -0 differs from 0.
    var bits: [UInt32] { map(\.bitPattern) }
}
