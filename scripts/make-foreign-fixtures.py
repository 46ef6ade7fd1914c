#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes small networks and their 8-bit models as ONNX Runtime's and NNCF's quantizers write them.

    make-foreign-fixtures.py [FOLDER]

Default folder: Tests/Fixtures/foreign. Writes NETWORK.onnx (float), NETWORK.CASE.onnx (QDQ) and golden.json:
two images, row-major NCHW, and ONNX Runtime's outputs for them by NETWORK.CASE, with float biases rounded
to their int32 values. Needs the packages of scripts/requirements-foreign.txt.
"""

import json
import pathlib
import sys

import nncf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from interop_support import foreign, runtime
from interop_support.foreign import S8, U8, by_nncf, by_onnxruntime

FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/Fixtures/foreign"
SIZE, CLASSES, IMAGES = 16, 5, 8


class Network:
    """A float model under construction; methods that add a node return its output's name."""

    def __init__(self, name, seed):
        self.name, self.random = name, np.random.default_rng(seed)
        self.nodes, self.initializers, self.count = [], [], 0

    def op(self, kind, *inputs, output=None, **attributes):
        self.count += 1
        output = output or f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], f"{kind}_{self.count}", **attributes))
        return output

    def const(self, array):
        self.count += 1
        self.initializers.append(numpy_helper.from_array(np.array(array, np.float32), f"c{self.count}"))
        return f"c{self.count}"

    def conv(self, x, inputs, outputs, k=3, stride=1, groups=1, bias=False):
        fan = inputs // groups * k * k
        weight = self.random.normal(0, 1.4 / np.sqrt(fan), (outputs, inputs // groups, k, k))
        # Channels of unlike size, as folding makes them.
        weight *= self.random.uniform(0.3, 2, (outputs, 1, 1, 1))
        operands = [x, self.const(weight)]
        if bias:
            operands.append(self.const(self.random.normal(0, 0.2, outputs)))
        return self.op("Conv", *operands, kernel_shape=[k, k], strides=[stride, stride],
                       pads=[k // 2] * 4, group=groups)

    def norm(self, x, channels):
        uniform = self.random.uniform
        return self.op("BatchNormalization", x, self.const(uniform(0.6, 1.4, channels)),
                       self.const(uniform(-0.4, 0.6, channels)), self.const(uniform(-0.3, 0.3, channels)),
                       self.const(uniform(0.6, 1.4, channels)), epsilon=1e-5)

    def relu6(self, x):
        return self.op("Clip", x, self.const(0), self.const(6))

    def gate(self, x, channels, middle):
        """Squeeze-and-excitation."""
        y = self.op("Relu", self.conv(self.op("GlobalAveragePool", x), channels, middle, k=1, bias=True))
        y = self.op("HardSigmoid", self.conv(y, middle, channels, k=1, bias=True), alpha=1 / 6)
        return self.op("Mul", x, y)

    def product(self, x, channels):
        """Mean and head as TensorFlow and torch.nn.Linear without transposition give them."""
        x = self.op("ReduceMean", x, axes=[2, 3], keepdims=0)
        x = self.op("MatMul", x, self.const(self.random.normal(0, 1, (channels, CLASSES))))
        return self.op("Add", x, self.const(self.random.normal(0, 0.5, CLASSES)), output="logits")

    def head(self, x, channels):
        x = self.op("Flatten", self.op("GlobalAveragePool", x), axis=1)
        weight = self.random.normal(0, 1, (CLASSES, channels))
        return self.op("Gemm", x, self.const(weight), self.const(self.random.normal(0, 0.5, CLASSES)),
                       output="logits", transB=1)

    def model(self):
        shape = ["N", 3, SIZE, SIZE]
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
            self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def mobile():
    """Inverted residual: ReLU6, depthwise, linear bottleneck, Add."""
    n = Network("mobile", 1)
    x = n.relu6(n.norm(n.conv("image", 3, 8, stride=2), 8))
    x = n.relu6(n.norm(n.conv(x, 8, 8, groups=8), 8))
    shortcut = n.norm(n.conv(x, 8, 6, k=1), 6)
    x = n.relu6(n.norm(n.conv(shortcut, 6, 12, k=1), 12))
    x = n.relu6(n.norm(n.conv(x, 12, 12, groups=12), 12))
    x = n.op("Add", shortcut, n.norm(n.conv(x, 12, 6, k=1), 6))
    x = n.relu6(n.norm(n.conv(x, 6, 16, k=1), 16))
    return n.head(x, 16) and n.model()


def residual():
    """Basic blocks: Relu, max-pool, Add with Relu behind it, biases in convolutions."""
    n = Network("residual", 2)
    x = n.op("Relu", n.conv("image", 3, 8, bias=True))
    x = n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    y = n.op("Relu", n.norm(n.conv(x, 8, 8), 8))
    x = n.op("Relu", n.op("Add", n.norm(n.conv(y, 8, 8), 8), x))
    y = n.op("Relu", n.norm(n.conv(x, 8, 12, stride=2), 12))
    x = n.op("Relu", n.op("Add", n.conv(y, 12, 12, bias=True), n.norm(n.conv(x, 8, 12, k=1, stride=2), 12)))
    return n.head(x, 12) and n.model()


def branches():
    """Inception: branches joined by Concat, average pool."""
    n = Network("branches", 3)

    def unit(x, *shape, **more):
        return n.op("Relu", n.norm(n.conv(x, *shape, **more), shape[1]))

    x = n.op("MaxPool", unit("image", 3, 8), kernel_shape=[2, 2], strides=[2, 2])
    pooled = n.op("MaxPool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = n.op("Concat", unit(x, 8, 4, k=1), unit(unit(x, 8, 4, k=1), 4, 6), unit(pooled, 8, 4, k=1), axis=1)
    pooled = n.op("MaxPool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = n.op("Concat", unit(x, 14, 5, k=1), unit(pooled, 14, 5, k=1), axis=1)
    x = unit(n.op("AveragePool", unit(x, 10, 10), kernel_shape=[2, 2], strides=[2, 2]), 10, 10)
    return n.head(x, 10) and n.model()


def bare():
    """Convolutions without biases, which stay so."""
    n = Network("bare", 4)
    x = n.op("Relu", n.conv("image", 3, 6, stride=2))
    x = n.op("Relu", n.conv(x, 6, 8))
    return n.head(x, 8) and n.model()


def matmul():
    """A head of MatMul and Add."""
    n = Network("matmul", 5)
    x = n.op("Relu", n.conv("image", 3, 8, stride=2, bias=True))
    return n.product(n.op("Relu", n.conv(x, 8, 12, bias=True)), 12) and n.model()


def gated():
    """HardSwish, squeeze-and-excitation, HardSigmoid of its own."""
    n = Network("gated", 6)
    x = n.op("HardSwish", n.conv("image", 3, 8, stride=2, bias=True))
    x = n.op("HardSwish", n.conv(x, 8, 8, groups=8, bias=True))
    x = n.op("HardSwish", n.conv(n.gate(x, 8, 4), 8, 12, k=1, bias=True))
    return n.head(x, 12) and n.model()


def joined():
    """A Concat in front of the mean, as Inception ends."""
    n = Network("joined", 7)
    x = n.op("Relu", n.conv("image", 3, 8, stride=2, bias=True))
    left = n.op("Relu", n.conv(x, 8, 6, bias=True))
    right = n.op("Relu", n.conv(x, 8, 4, k=1, bias=True))
    return n.head(n.op("Concat", left, right, axis=1), 10) and n.model()


def averaged():
    """The mean is the output, as SqueezeNet ends."""
    n = Network("averaged", 8)
    x = n.op("Relu", n.conv("image", 3, 8, stride=2, bias=True))
    x = n.op("Relu", n.conv(x, 8, CLASSES, k=1, bias=True))
    return n.op("Flatten", n.op("GlobalAveragePool", x), output="logits", axis=1) and n.model()


def unquantized_mean(model):
    """Without the quantizer in front of the mean, as PyTorch's export of a quantized network has it."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    producer = {name: node for node in copy.graph.node for name in node.output}
    mean = next(n for n in copy.graph.node if n.op_type == "ReduceMean")
    dequantize = producer[mean.input[0]]
    quantize = producer[dequantize.input[0]]
    mean.input[0] = quantize.input[0]
    copy.graph.node.remove(dequantize)
    copy.graph.node.remove(quantize)
    return copy


def pool_first(model):
    """With the first max-pool in front of its input's quantizer."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = copy.graph.node
    producer = {name: node for node in nodes for name in node.output}
    pool = next(n for n in nodes if n.op_type == "MaxPool")
    dequantize = producer[pool.input[0]]
    quantize = producer[dequantize.input[0]]
    for node in nodes:
        node.input[:] = [dequantize.output[0] if name == pool.output[0] else name for name in node.input]
    moved = onnx.NodeProto()
    moved.CopyFrom(pool)
    moved.input[0] = quantize.input[0]
    quantize.input[0] = moved.output[0]
    nodes.remove(pool)
    nodes.insert(list(nodes).index(quantize), moved)
    copy.graph.ClearField("value_info")
    return copy


def snapped(model):
    """Float biases brought to the int32 values that runtimes make of them where they fuse the operator."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {t.name: t for t in copy.graph.initializer}
    producer = {name: node for node in copy.graph.node for name in node.output}

    def scale(name):
        node = producer[name]
        while node.op_type != "DequantizeLinear":
            node = producer[node.input[0]]
        return numpy_helper.to_array(constants[node.input[1]])

    def snap(layer, name):
        step = scale(layer.input[0]) * scale(layer.input[1])
        bias = numpy_helper.to_array(constants[name])
        made = (np.rint(bias / step) * step).astype(np.float32)
        constants[name].CopyFrom(numpy_helper.from_array(made, name))

    for node in copy.graph.node:
        if node.op_type in ("Conv", "Gemm") and len(node.input) > 2 and node.input[2] in constants:
            snap(node, node.input[2])
        if node.op_type == "Add" and node.input[1] in constants:
            snap(producer[node.input[0]], node.input[1])
    return copy


CASES = {
    "ort-u8u8-tensor": (by_onnxruntime, dict(activation_type=U8, weight_type=U8)),
    "ort-u8s8-channel": (by_onnxruntime, dict(activation_type=U8, weight_type=S8, per_channel=True)),
    "ort-s8s8-tensor": (by_onnxruntime, dict(
        activation_type=S8, weight_type=S8, extra_options=dict(ActivationSymmetric=True))),
    "nncf-mixed": (by_nncf, dict(preset=nncf.QuantizationPreset.MIXED)),
    "nncf-performance": (by_nncf, dict(preset=nncf.QuantizationPreset.PERFORMANCE)),
    "nncf-tensor": (by_nncf, dict(per_channel=False)),
}
CHOSEN = {
    mobile: list(CASES),
    residual: ["ort-u8u8-tensor", "ort-s8s8-tensor", "nncf-mixed", "nncf-mixed-pool"],
    branches: ["ort-u8s8-channel", "nncf-tensor"],
    bare: ["ort-u8s8-channel", "nncf-tensor"],
    matmul: ["ort-u8u8-tensor", "ort-u8s8-channel", "ort-u8u8-tensor-raw", "ort-u8s8-channel-raw",
             "nncf-mixed", "nncf-mixed-raw", "nncf-mixed-mean"],
    gated: ["ort-u8u8-tensor", "ort-u8s8-channel", "ort-u8s8-channel-raw"],
    joined: ["ort-u8u8-tensor", "nncf-mixed"],
    averaged: ["ort-u8s8-channel", "nncf-mixed"],
}
# Quantized as they should not be: BatchNormalization left, one activation scale per channel, layers in float.
REFUSED = {
    (mobile, "ort-unfolded"): (False, by_onnxruntime, dict()),
    (mobile, "nncf-channels"): (True, by_nncf, dict(advanced_parameters=None)),
    (gated, "nncf-float"): (True, by_nncf, dict()),
}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    images = random.normal(0, 1, (IMAGES, 3, SIZE, SIZE))
    # Smooth, and short as decimals.
    images = np.round(16 * (images + np.roll(images, 1, 2) + np.roll(images, 1, 3))) / 16
    images = images.astype(np.float32)
    feeds = [{"image": image[None]} for image in images]
    golden = {"input": images[:2].reshape(2, -1).tolist(), "output": {}}
    for network, names in CHOSEN.items():
        model = network()
        onnx.save(model, folder / f"{network.__name__}.onnx")
        folded = foreign.prepared(model)
        for (refused, name), (folds, quantize, options) in REFUSED.items():
            if network is refused:
                made = quantize(folded if folds else model, feeds, **options)
                onnx.save(made, folder / f"{network.__name__}.{name}.onnx")
        for name in names:
            # What is not prepared keeps MatMul, Add and HardSwish.
            case, variant = (name, "") if name in CASES else name.rsplit("-", 1)
            quantize, options = CASES[case]
            made = quantize(model if variant == "raw" else folded, feeds, **options)
            made = {"mean": unquantized_mean, "pool": pool_first}.get(variant, lambda m: m)(made)
            onnx.save(made, folder / f"{network.__name__}.{name}.onnx")
            session = runtime.session(snapped(made), "precise")
            golden["output"][f"{network.__name__}.{name}"] = session.run(
                None, {"image": images[:2]})[0].astype(float).tolist()
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
