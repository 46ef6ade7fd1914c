// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Channels of values that have to share a scale.
///
/// A convolution ends a group with its input channels and starts others with its output channels.
/// All other operations tie channels together: an addition its operands' and its own, a
/// concatenation each operand's to a part of its own, pools and clamps input to output. What goes
/// through any other operation keeps its scale.
struct ScaleGroups {
    /// One channel of one value.
    struct Member: Hashable {
        var value: ValueID
        var channel: Int
    }

    struct Group {
        var members: [Member] = []
        /// Output channels of convolutions.
        var producers: [(node: Int, channel: Int)] = []
        /// Input channels of convolutions.
        var consumers: [(node: Int, channel: Int)] = []
    }

    /// In topological order of their first member; the network's inputs and outputs are in none.
    let groups: [Group]

    init(_ graph: Graph) {
        var sets = ChannelSets(graph)
        var fixedValues = Array(graph.inputs.indices) + graph.outputs.map(\.value)
        for (index, node) in graph.nodes.enumerated() where node.convolution == nil {
            let scaling = node.operation.form.channelScaling
            let values = node.inputs + [graph.value(of: index)]
            let isOfFeatures = values.allSatisfy { graph.shape(of: $0).layout == .features }
            guard scaling != .fixes, isOfFeatures else {
                fixedValues += values
                continue
            }
            var offset = 0
            for value in node.inputs {
                for channel in 0..<graph.shape(of: value).channels {
                    sets.join(value, channel, graph.value(of: index), offset + channel)
                }
                if scaling == .concatenates { offset += graph.shape(of: value).channels }
            }
        }
        // Their scales are fixed, and so are those of all that is tied to them.
        let fixed = Set(
            fixedValues.flatMap { value in
                (0..<graph.shape(of: value).channels).map { sets.root(value, $0) }
            })
        var groups: [Group] = []
        var positions: [Int: Int] = [:]
        for value in 0..<graph.valueCount {
            for channel in 0..<graph.shape(of: value).channels {
                let root = sets.root(value, channel)
                guard !fixed.contains(root) else { continue }
                let position = positions[root] ?? groups.count
                if position == groups.count {
                    groups.append(Group())
                    positions[root] = position
                }
                groups[position].members.append(Member(value: value, channel: channel))
                if let node = graph.node(of: value), graph.nodes[node].convolution != nil {
                    groups[position].producers.append((node, channel))
                }
            }
        }
        for node in graph.convolutions {
            let value = graph.nodes[node].inputs[0]
            for channel in 0..<graph.shape(of: value).channels {
                if let position = positions[sets.root(value, channel)] {
                    groups[position].consumers.append((node, channel))
                }
            }
        }
        self.groups = groups
    }
}

/// Union-find over the channels of all values.
private struct ChannelSets {
    private var offsets: [Int] = []
    private var parents: [Int]

    init(_ graph: Graph) {
        var total = 0
        for value in 0..<graph.valueCount {
            offsets.append(total)
            total += graph.shape(of: value).channels
        }
        parents = Array(0..<total)
    }

    mutating func root(_ value: ValueID, _ channel: Int) -> Int {
        root(offsets[value] + channel)
    }

    mutating func join(_ value: ValueID, _ channel: Int, _ other: ValueID, _ otherChannel: Int) {
        let (first, second) = (root(value, channel), root(other, otherChannel))
        parents[max(first, second)] = min(first, second)
    }

    private mutating func root(_ index: Int) -> Int {
        var root = index
        while parents[root] != root { root = parents[root] }
        var next = index
        while parents[next] != root { (next, parents[next]) = (parents[next], root) }
        return root
    }
}
