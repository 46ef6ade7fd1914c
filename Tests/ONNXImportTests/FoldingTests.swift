// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXModel
import Testing

/// What folding does to the graph and to the last bit of the parameters.
@Suite struct FoldingTests {
    private static func kinds(_ graph: Graph) -> [String] {
        graph.nodes.map { node in
            node.operation.kind(input: graph.shape(of: node.inputs[0]))
        }
    }

    /// `x * Sigmoid(x)` in either order is one function, unless something else reads the Sigmoid.
    @Test(arguments: [["a", "s"], ["s", "a"]])
    func silu(operands: [String]) throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["a"]
        model.add("Sigmoid", ["a"], "s", name: "gate")
        model.add("Mul", operands, "y", name: "product")
        let silu = try model.load().graph
        #expect(Self.kinds(silu) == ["conv 3×3", "silu"])
        #expect(silu.nodes.map(\.name) == ["conv", "product"])
        model.proto.graph.output.append(TestModel.info("s", nil))
        let gated = try model.load().graph
        #expect(Self.kinds(gated) == ["conv 3×3", "sigmoid", "multiply"])
        #expect(gated.outputs.map(\.value) == [3, 2])
    }

    /// A Clip whose bounds are in the wrong order gives the upper one, alone as in a producer.
    @Test func reversedClips() throws {
        for isAlone in [false, true] {
            var model = TestModel.convolution
            model.proto.graph.node[0].output = ["a"]
            model.weights("five", [], [5])
            model.weights("two", [], [2])
            model.add("Clip", ["a", "five", "two"], "y", name: "clip")
            if isAlone { model.proto.graph.output.append(TestModel.info("a", nil)) }
            let graph = try model.load().graph
            #expect(graph.nodes.map(\.name) == (isAlone ? ["conv", "clip"] : ["conv"]))
            #expect(graph.nodes.last?.clamp == Clamp(lower: 2, upper: 2))
        }
    }

    @Test func scalesAreMultipliedInDoubleAndRoundedOnce() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["a"]
        let third: [Float] = [1 / 3, -1 / 7, 1e-3, 10 / 9]
        let seventh: [Float] = [1 / 7, 3, 1e3, 0.9]
        let shift: [Float] = [0.1, 0.2, 0.3, -0.0]
        model.weights("third", [1, 4, 1, 1], third)
        model.weights("seventh", [4, 1, 1], seventh)
        model.weights("shift", [4, 1, 1], shift)
        model.add("Mul", ["a", "third"], "b")
        model.add("Add", ["b", "shift"], "c")
        model.add("Div", ["c", "seventh"], "y")
        let network = try model.load()
        let unfolded = try TestModel.convolution.load()
        #expect(network.graph.nodes.map(\.name) == ["conv"])
        #expect(network.graph.nodes[0].convolution?.hadBias == true)
        #expect(unfolded.graph.nodes[0].convolution?.hadBias == false)
        let before = try #require(unfolded.parameters[0])
        let after = try #require(network.parameters[0])
        for output in 0..<4 {
            let scale = Double(third[output]) * (1 / Double(seventh[output]))
            for index in output * 27..<(output + 1) * 27 {
                #expect(after.weights[index] == Float(Double(before.weights[index]) * scale))
            }
            let bias = Double(shift[output]) * (1 / Double(seventh[output]))
            #expect(after.bias[output].bitPattern == (Float(bias) + 0).bitPattern)
        }
    }

    @Test func parametersBeyondFloatAreRefused() throws {
        var model = TestModel.convolution
        model.proto.graph.node[0].output = ["a"]
        model.weights("huge", [1], [3e38])
        model.add("Mul", ["a", "huge"], "b")
        model.add("Mul", ["b", "huge"], "y")
        #expect(model.error()?.code == .invalidTensor)
        #expect(model.error()?.node == "conv")
    }

    @Test(arguments: [
        ("pad_conv", ["conv 3×3 s2"]),
        ("pad_computed", ["conv 3×3 s2"]),
        ("pad_shared", ["conv 3×3", "pointwise", "max pool 3×3", "add"]),
        ("pad_output", ["clamp", "pad 0.0"]),
        ("pad_maxpool_nonnegative", ["clamp", "max pool 3×3 s2"]),
        ("pad_maxpool_signed", ["depthwise 1×1", "pad 0.0", "max pool 3×3 s2"]),
        ("pad_maxpool_infinite", ["max pool 3×3 s2"]),
        ("pad_averagepool", ["average pool 3×3 s2"]),
        ("pad_averagepool_padded", ["pad 0.0", "average pool 3×3 s2"]),
        ("conv_batchnorm", ["conv 3×3"]),
        ("conv_mul_add_div_sub", ["conv 3×3"]),
        ("batchnorm_before_conv", ["conv 3×3"]),
        ("batchnorm_before_grouped_conv", ["grouped conv 3×3 g2"]),
        ("batchnorm_before_padded_conv", ["depthwise 1×1", "conv 3×3"]),
        ("scale_before_padded_conv", ["conv 3×3"]),
        ("batchnorm_after_shared_conv", ["pointwise", "depthwise 1×1", "add"]),
        ("relu_batchnorm_conv", ["conv 3×3", "pointwise"]),
        ("relu_with_two_readers", ["conv 3×3", "clamp", "add"]),
        ("clamps", ["conv 3×3", "max pool 2×2", "clamp"]),
        ("residual", ["conv 3×3", "add"]),
        ("dead_nodes", ["pointwise"]),
        ("nhwc", ["conv 3×3 s2", "conv 3×3", "global average pool", "fully connected"]),
        ("nhwc_preprocessing", ["depthwise 1×1", "conv 3×3"]),
        ("nhwc_matmul_pixels", ["pointwise", "conv 3×3"]),
        ("gemm_flattened_image", ["conv 2×2", "fully connected"]),
        ("two_layers_batchnorm", ["fully connected", "fully connected"]),
        ("matmul_add", ["global average pool", "fully connected"]),
        ("unsqueeze_conv", ["global average pool", "pointwise"]),
        ("standardized_weights", ["conv 3×3", "pointwise"]),
        ("split_weights", ["pointwise", "pointwise", "multiply"]),
        ("pad_same_computed", ["conv 3×3 s2"]),
        ("channel_shuffle", ["conv 3×3", "rearrange", "grouped conv 3×3 g2"]),
        ("channel_shuffle_split", ["conv 3×3", "take 3", "take 3", "pointwise", "concat"]),
        ("depth_to_space_crd", ["conv 3×3", "rearrange"]),
        ("space_to_depth", ["rearrange", "pointwise"]),
        ("shortcut_a", ["clamp", "take 3", "take 3", "pad 0.0", "conv 3×3 s2", "add"]),
        (
            "detector_boxes",
            ["conv 3×3", "conv 3×3 s2", "reshape", "reshape", "concat, axis 0"]
        ),
        ("detector_anchors", ["conv 3×3", "sigmoid", "rearrange"]),
        ("tokens", ["conv 3×3", "pointwise", "pointwise", "pointwise"]),
        ("conv_transpose_norm", ["pointwise", "rearrange", "conv 2×2"]),
        (
            "conv_transpose_4x4",
            ["conv 2×2", "rearrange", "slice 1..<9", "slice 1..<7", "conv 2×2"]
        ),
    ])
    func foldsTo(_ name: String, _ expected: [String]) throws {
        let graph = try FixtureTests.load(name).graph
        #expect(Self.kinds(graph) == expected)
    }

    @Test func keepsWhatTheFileSaysOfItsEnds() throws {
        let nhwc = try FixtureTests.load("nhwc_output").graph
        #expect(nhwc.inputs[0].layout == .nhwc && nhwc.inputs[0].batch == 1)
        #expect(nhwc.outputs[0].layout == .nhwc && nhwc.outputs[0].rank == 4)
        #expect(try FixtureTests.load("fixed_batch").graph.inputs[0].batch == 4)
        let conv = try FixtureTests.load("conv").graph
        #expect(
            conv.inputs[0].batch == nil && conv.outputs[0].layout == .nchw
                && conv.outputs[0].rank == 4)
    }
}
