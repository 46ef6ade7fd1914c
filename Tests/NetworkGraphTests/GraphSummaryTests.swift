// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import Testing

@Suite struct GraphSummaryTests {
    /// A small network with one node of each kind.
    private static let graph: Graph = {
        func shape(_ height: Int, _ width: Int, _ channels: Int) -> TensorShape {
            TensorShape(height: height, width: width, channels: channels)
        }
        func square(_ kernel: Int, stride: Int = 1, pad: Int = 0, dilation: Int = 1) -> Window {
            Window(
                kernelHeight: kernel, kernelWidth: kernel, strideHeight: stride,
                strideWidth: stride, dilationHeight: dilation, dilationWidth: dilation,
                padTop: pad, padLeft: pad, padBottom: pad, padRight: pad)
        }
        func node(
            _ name: String, _ operation: NetworkGraph.Operation, _ inputs: [ValueID],
            _ shape: TensorShape,
            _ clamp: Clamp = .none
        ) -> Node {
            Node(name: name, operation: operation, inputs: inputs, clamp: clamp, shape: shape)
        }
        func conv(
            _ name: String, _ window: Window, _ input: ValueID, _ shape: TensorShape,
            groups: Int = 1, isFullyConnected: Bool = false, clamp: Clamp = .none
        ) -> Node {
            let convolution = Convolution(
                window: window, groups: groups, isFullyConnected: isFullyConnected)
            return node(name, .convolution(convolution), [input], shape, clamp)
        }
        var nodes: [Node] = []
        let stride = square(3, stride: 2, pad: 1)
        nodes.append(conv("stem", stride, 0, shape(8, 8, 4), clamp: Clamp(lower: 0, upper: 6)))
        let same = square(3, pad: 1)
        nodes.append(
            conv("depthwise", same, 1, shape(8, 8, 4), groups: 4, clamp: Clamp(lower: 0)))
        nodes.append(conv("point", square(1), 2, shape(8, 8, 4)))
        nodes.append(node("sum", .add, [1, 3], shape(8, 8, 4), Clamp(lower: -1, upper: 0.5)))
        let dilated = square(3, pad: 2, dilation: 2)
        nodes.append(conv("grouped", dilated, 4, shape(8, 8, 6), groups: 2))
        nodes.append(node("joined", .concat(axis: 2), [4, 5], shape(8, 8, 10)))
        nodes.append(node("pool", .maxPool(square(2, stride: 2)), [6], shape(4, 4, 10)))
        nodes.append(node("mean", .globalAveragePool, [7], shape(1, 1, 10)))
        nodes.append(conv("head", square(1), 8, shape(1, 1, 5), isFullyConnected: true))
        return Graph(
            name: "small",
            input: Graph.Input(name: "image", shape: shape(16, 16, 3), layout: .nchw, batch: 1),
            nodes: nodes, output: Graph.Output(name: "logits", value: 9, rank: 2))
    }()

    @Test func countsByHand() {
        let summary = GraphSummary(Self.graph)
        let (stem, depthwise, point, grouped, head) = (4 * 27, 4 * 9, 16, 6 * 9 * 2, 50)
        #expect(
            summary.rows.map(\.macs)
                == [64 * stem, 64 * depthwise, 64 * point, 0, 64 * grouped, 0, 0, 0, head])
        #expect(
            summary.rows.map(\.parameters)
                == [stem + 4, depthwise + 4, point + 4, 0, grouped + 6, 0, 0, 0, head + 5])
        #expect(summary.macs == summary.rows.map(\.macs).reduce(0, +))
        #expect(summary.parameters == stem + depthwise + point + grouped + head + 23)
    }

    @Test func printsAnAlignedTable() {
        let expected = """
            input   image: 16×16×3 (NCHW in the file, batch 1)
            output  logits: 1×1×5

            #  layer      kind                    reads  input    output  clamp        params  MACs
            1  stem       conv 3×3 s2             0      16×16×3  8×8×4   relu6           112  6912
            2  depthwise  depthwise 3×3           1      8×8×4    8×8×4   relu             40  2304
            3  point      pointwise               2      8×8×4    8×8×4                    20  1024
            4  sum        add                     1,3    8×8×4    8×8×4   [-1.0, 0.5]
            5  grouped    grouped conv 3×3 d2 g2  4      8×8×4    8×8×6                   114  6912
            6  joined     concat                  4,5    8×8×4    8×8×10
            7  pool       max pool 2×2 s2         6      8×8×10   4×4×10
            8  mean       global average pool     7      4×4×10   1×1×10
            9  head       fully connected         8      1×1×10   1×1×5                    55    50

            9 nodes, 341 parameters, 17202 MACs (17.2 k)

            """
        #expect(GraphSummary(Self.graph).table == expected)
    }

    @Test func survivesJSON() throws {
        let summary = GraphSummary(Self.graph)
        let data = try JSONEncoder().encode(summary)
        #expect(try JSONDecoder().decode(GraphSummary.self, from: data) == summary)
    }

    @Test func longNamesAndControlCharactersAreShortened() {
        var graph = Self.graph
        graph.nodes[0].name = String(repeating: "x", count: 100) + "\u{1B}end"
        let table = GraphSummary(graph).table
        #expect(table.contains("…" + String(repeating: "x", count: 38) + "\\u{1B}end"))
        #expect(!table.contains("\u{1B}"))
    }

    @Test func hugeCountsSaturate() {
        var graph = Self.graph
        let huge = 1 << 30
        graph.nodes[0].shape = TensorShape(height: huge, width: huge, channels: 4)
        let summary = GraphSummary(graph)
        #expect(summary.rows[0].macs == .max)
        #expect(summary.macs == .max)
    }
}
