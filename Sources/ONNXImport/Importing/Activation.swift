// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// A tensor that depends on the network's input: a view of a value of the draft graph.
struct Activation: Hashable {
    /// Value of the draft graph.
    var value: ValueID
    var view: TensorView
    /// Of the last node that took axes apart, moved or joined them: what a value with these axes
    /// is called.
    var viewer: String?
    /// Applied to the value by the ONNX graph only; nothing but the output may read it then.
    var ending: Ending?

    /// An output function and the node that has it.
    struct Ending: Hashable {
        var function: Graph.OutputFunction
        var node: String
    }

    init(value: ValueID, view: TensorView) {
        self.value = value
        self.view = view
    }

    /// A value whose ONNX axes are `order`.
    init(value: ValueID, shape: TensorShape, batch: Int, order: [Axis]) {
        self.init(value: value, view: TensorView(shape, batch: batch, order: order))
    }

    /// Extents of the value.
    var shape: TensorShape {
        get { view.shape }
        set { view.shape = newValue }
    }
    /// Extents in the ONNX graph.
    var dims: [Int] {
        get { view.dims }
        set { view.dims = newValue }
    }
    var axes: [[AxisPart]] {
        get { view.axes }
        set { view.axes = newValue }
    }

    /// The same value seen in another way.
    func viewed(_ view: TensorView, by node: String) -> Activation {
        var result = self
        result.view = view
        result.viewer = node
        return result
    }

    /// Another value of the same extents in the same order.
    func replaced(by value: ValueID) -> Activation {
        var result = self
        result.value = value
        return result
    }
}
