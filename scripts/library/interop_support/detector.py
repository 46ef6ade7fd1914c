# SPDX-License-Identifier: Apache-2.0
"""A made-up detector: small, but with the operators of those that people deploy."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Maker:
    """A graph under construction; methods that add a node return the name of its result."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []

    def op(self, kind, *inputs, outputs=1, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values, kind=np.int64):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def weights(self, *extents):
        return self.constant(
            self.random.normal(0, np.sqrt(2 / np.prod(extents[1:])), extents), np.float32
        )

    def convolution(self, x, inputs, outputs, kernel=1, stride=1, group=1, pad=None):
        pad = kernel // 2 if pad is None else pad
        bias = self.constant(self.random.normal(0, 0.1, outputs), np.float32)
        return self.op(
            "Conv", x, self.weights(outputs, inputs // group, kernel, kernel), bias,
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def prelu(self, x, channels):
        slopes = self.random.uniform(-0.1, 0.5, (channels, 1, 1))
        return self.op("PRelu", x, self.constant(slopes, np.float32))

    def slice(self, x, axis, first, step):
        """Every `step`-th position from `first` on."""
        bounds = ([first], [2**31 - 1], [axis], [step])
        return self.op("Slice", x, *map(self.constant, bounds))

    def resized(self, x, mode, coordinates, **attributes):
        """Twice as high and wide."""
        scales = self.constant([1, 1, 2, 2], np.float32)
        return self.op("Resize", x, "", scales, mode=mode,
                       coordinate_transformation_mode=coordinates, **attributes)

    def reshaped(self, x, *extents):
        return self.op("Reshape", x, self.constant(extents))

    def focus(self, x):
        """Four pixels as the channels of one."""
        rows = [self.slice(x, 2, first, 2) for first in (0, 1)]
        return self.op(
            "Concat", *(self.slice(row, 3, first, 2) for first in (0, 1) for row in rows), axis=1)

    def shuffle_unit(self, x, channels, size):
        kept, changed = self.op("Split", x, outputs=2, axis=1)
        half = channels // 2
        changed = self.op("Relu", self.convolution(changed, half, half))
        changed = self.convolution(changed, half, half, 3, group=half)
        changed = self.op("Relu", self.convolution(changed, half, half))
        joined = self.reshaped(
            self.op("Concat", kept, changed, axis=1), 0, 2, half, size, size)
        return self.reshaped(
            self.op("Transpose", joined, perm=[0, 2, 1, 3, 4]), 0, channels, size, size)

    def residual(self, x, inputs, outputs):
        """Half as high and wide; its shortcut has no weights."""
        made = self.prelu(self.convolution(x, inputs, outputs, 3, stride=2), outputs)
        made = self.convolution(made, outputs, outputs, 3)
        more = (outputs - inputs) // 2
        short = self.slice(self.slice(x, 2, 0, 2), 3, 0, 2)
        short = self.op("Pad", short, self.constant([0, more, 0, 0] * 2))
        return self.prelu(self.op("Add", made, short), outputs)

    def pyramid_pool(self, x):
        """Of what is read, and of largest values around each pixel."""
        pools = [
            self.op("MaxPool", x, kernel_shape=[k] * 2, strides=[1] * 2, pads=[k // 2] * 4)
            for k in (3, 5, 7)
        ]
        return self.op("Concat", x, *pools, axis=1)

    def rows(self, x, inputs, values):
        """A row of `values` for each pixel."""
        made = self.op("Transpose", self.convolution(x, inputs, values), perm=[0, 2, 3, 1])
        return self.reshaped(made, 0, -1, values)

    def model(self, size, outputs):
        """`outputs`: results by the names they get, with their extents."""
        for name, (result, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [result], [name], name + "_end"))
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *extents])
            for name, extents in [("image", (3, size, size)),
                                  *((name, extents) for name, (_, extents) in outputs.items())]
        ]
        graph = helper.make_graph(
            self.nodes, "detector", infos[:1], infos[1:], self.initializers)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made, full_check=True)
        return made


def make(size, seed):
    """Boxes with the probabilities of two classes, a mask, and probabilities of four scenes."""
    m = Maker(seed)
    x = m.op("Gather", "image", m.constant([2, 1, 0]), axis=1)
    x = m.op("Pad", m.focus(x), m.constant([0, 0, 1, 1] * 2), mode="reflect")
    fine = m.shuffle_unit(m.silu(m.convolution(x, 12, 16, 3, pad=0)), 16, size // 2)
    middle = m.residual(fine, 16, 24)
    coarse = m.silu(m.convolution(middle, 24, 32, 3, stride=2))
    whole = m.convolution(m.op("GlobalAveragePool", coarse), 32, 8)
    tiles = m.op("Tile", whole, m.constant([1, 1, size // 8, size // 8]))
    coarse = m.op("Concat", m.pyramid_pool(coarse), tiles, axis=1)
    coarse = m.silu(m.convolution(coarse, 136, 32))
    spread = m.op("Expand", whole, m.constant([1, 1, size // 4, size // 4]))
    raised = m.resized(coarse, "nearest", "asymmetric", nearest_mode="floor")
    middle = m.op("Concat", raised, middle, spread, axis=1)
    middle = m.prelu(m.convolution(middle, 64, 24), 24)
    raised = m.resized(middle, "linear", "half_pixel")
    fine = m.op("Relu", m.convolution(m.op("Concat", raised, fine, axis=1), 40, 16, 3))
    deep = m.op("SpaceToDepth", fine, blocksize=2)
    mask = m.op("DepthToSpace", m.convolution(fine, 16, 8), blocksize=2, mode="CRD")
    boxes, classes = (
        m.op("Concat", m.rows(coarse, 32, n), m.rows(middle, 24, n), m.rows(deep, 64, n), axis=1)
        for n in (4, 2)
    )
    boxes = m.op("Concat", boxes, m.op("Softmax", classes, axis=2), axis=2)
    scene = m.op("Flatten", m.convolution(m.op("GlobalAveragePool", coarse), 32, 4))
    count = (size // 8) ** 2 + 2 * (size // 4) ** 2
    return m.model(size, {
        "boxes": (boxes, (count, 6)),
        "mask": (mask, (2, size, size)),
        "scene": (m.op("Softmax", scene, axis=1), (4,)),
    })
