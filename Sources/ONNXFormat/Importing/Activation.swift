// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// An axis of a batch of images.
enum Axis: Hashable, Sendable { case batch, height, width, channel }

/// A tensor that depends on the network's input: a value of the draft graph as the ONNX graph sees
/// it.
///
/// The draft's values are NHWC without layout questions; `axes` says how ONNX orders them. Each
/// ONNX axis holds a list of image axes, outermost first, and axes of extent 1 appear nowhere. So
/// `[N, C, H, W]` is `[[batch], [channel], [height], [width]]`, its flattened form
/// `[[batch], [channel, height, width]]`, and operators that only move or merge axes cost nothing.
struct Activation: Hashable {
    /// Value of the draft graph.
    var value: Int
    /// Its extents.
    var shape: FeatureShape
    var batch: Int
    /// Extents in the ONNX graph.
    var dims: [Int]
    var axes: [[Axis]]
    /// Applied to the value by the ONNX graph only; nothing but the output may read it then.
    var ending: Ending?

    /// An output function and the node that has it.
    struct Ending: Hashable {
        var function: Graph.OutputFunction
        var node: String
    }

    /// A value whose ONNX axes are `order`, one image axis each.
    init(value: Int, shape: FeatureShape, batch: Int, order: [Axis]) {
        self.value = value
        self.shape = shape
        self.batch = batch
        dims = []
        axes = []
        dims = order.map { extent(of: $0) }
        axes = order.map { extent(of: $0) == 1 ? [] : [$0] }
    }

    static let nchw: [Axis] = [.batch, .channel, .height, .width]
    static let nhwc: [Axis] = [.batch, .height, .width, .channel]

    func extent(of axis: Axis) -> Int {
        switch axis {
        case .batch: batch
        case .height: shape.height
        case .width: shape.width
        case .channel: shape.channels
        }
    }

    /// Whether each ONNX axis is just the given image axis.
    func isOrdered(_ order: [Axis]) -> Bool {
        dims.count == order.count
            && zip(axes, order).allSatisfy { $0 == (extent(of: $1) == 1 ? [] : [$1]) }
    }

    /// The same numbers with other extents; nil if that would split an image axis.
    func reshaped(to dims: [Int]) -> Activation? {
        var rest = axes.joined()[...]
        var axes: [[Axis]] = []
        for extent in dims {
            var group: [Axis] = []
            var product = 1
            while product < extent, let next = rest.popFirst() {
                group.append(next)
                product *= self.extent(of: next)
            }
            guard product == extent else { return nil }
            axes.append(group)
        }
        guard rest.isEmpty else { return nil }
        var result = self
        result.dims = dims
        result.axes = axes
        return result
    }

    /// The same value with its ONNX axes permuted.
    func transposed(_ permutation: [Int]) -> Activation {
        var result = self
        result.dims = permutation.map { dims[$0] }
        result.axes = permutation.map { axes[$0] }
        return result
    }

    /// Another value of the same extents in the same order.
    func replaced(by value: Int) -> Activation {
        var result = self
        result.value = value
        return result
    }
}
