// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// Hands out names, each at most once.
package struct UniqueNames {
    private var taken: Set<String> = []

    /// None is taken yet.
    package init() {}

    /// `wanted` if it is free, else `wanted_1`, `wanted_2` and so on.
    package mutating func claim(_ wanted: String) -> String {
        var name = wanted
        var suffix = 0
        while !taken.insert(name).inserted {
            suffix += 1
            name = "\(wanted)_\(suffix)"
        }
        return name
    }
}

/// Names in a written file. Names that others rely on are claimed first, in a fixed order: the
/// inputs', the outputs' and the 8-bit tensor of each value, so no name of ours can collide with
/// them.
package struct QDQNames {
    /// Of inputs, outputs, initializers and results of nodes.
    package var tensors = UniqueNames()
    /// Of nodes, which may have the names of tensors.
    package var nodes = UniqueNames()
    /// 8-bit tensor of each value.
    package let quantized: [String]

    /// Claims the names of a network.
    package init(_ graph: Graph) {
        for input in graph.inputs { _ = tensors.claim(input.name) }
        for output in graph.outputs { _ = tensors.claim(output.name) }
        var quantized: [String] = []
        for value in 0..<graph.valueCount {
            quantized.append(tensors.claim(graph.name(of: value) + "_quantized"))
        }
        self.quantized = quantized
        for node in graph.nodes { _ = nodes.claim(node.name) }
    }
}
