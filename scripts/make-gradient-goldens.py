#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/gradients/NAME.onnx and NAME.json: QDQ models and the gradients of their biases.

PyTorch's autograd in float64 on the file as it is written: DequantizeLinear, operator, clamp,
QuantizeLinear; the last is the straight-through estimator of torch.fake_quantize (the gradient passes where
the rounded value is representable). The output's gradient is random.

JSON: {"images": [{"input", "logits", "gradient", "biases"}]}; input, logits (float32) and gradient row-major
in the layout of the model, biases: one list per convolution in the file's order, in real units.

float64 and the executor's integers must take the same decisions, so seeds are tried until no value lies
near a tie of a rounding or near a bound of a clamp (values exactly on a bound are kept: they must not pass).
"""

import json
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests/Fixtures/gradients"
IMAGES = 2
MARGIN = 5e-5
LIMITS = {np.dtype(np.uint8): (0, 255), np.dtype(np.int8): (-128, 127)}


class Ambiguous(Exception):
    """A value whose rounding or clamp float32 and float64 might decide differently."""


class FakeQuantize(torch.autograd.Function):
    """Real values to real values on the grid."""

    @staticmethod
    def forward(context, x, scale, zero, low, high):
        steps = x / scale
        apart = (steps - torch.floor(steps) - 0.5).abs()
        inside = (steps + zero > low - 2) & (steps + zero < high + 2)
        if bool((inside & (apart < MARGIN)).any()):
            raise Ambiguous
        rounded = torch.round(steps) + zero
        context.save_for_backward((rounded >= low) & (rounded <= high))
        return (rounded.clamp(low, high) - zero) * scale

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0], None, None, None, None


def clamp(x, lower, upper):
    """hardtanh: values on a bound do not pass."""
    lower, upper = -1e30 if lower is None else lower, 1e30 if upper is None else upper
    for bound in (lower, upper):
        apart = (x - bound).abs()
        if bool(((apart < MARGIN * 1e-2) & (apart > 0)).any()):
            raise Ambiguous
    return functional.hardtanh(x, lower, upper)


def padded(x, pads, value):
    top, left, bottom, right = pads
    return functional.pad(x, (left, right, top, bottom), value=value)


def convolve(x, w, b, a):
    return functional.conv2d(padded(x, a["pads"], 0), w, b, a["strides"], 0, a["dilations"], a["group"])


def max_pool(x, a):
    return functional.max_pool2d(padded(x, a["pads"], -np.inf), a["kernel_shape"], a["strides"])


def average_pool(x, a):
    area = a["kernel_shape"][0] * a["kernel_shape"][1]
    sums, counts = (functional.avg_pool2d(padded(v, a["pads"], 0), a["kernel_shape"], a["strides"]) * area
                    for v in (x, torch.ones_like(x)))
    return sums / (area if a["count_include_pad"] else torch.round(counts))


def hard_sigmoid(x, alpha, beta):
    """Float32 rounds what lies near a kink; a value on it does not pass."""
    return clamp(float(np.float32(alpha)) * x + float(np.float32(beta)), 0.0, 1.0)


class Evaluation:
    """One image through a model, with autograd."""

    def __init__(self, proto):
        self.proto = proto
        self.constants = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        self.biases = []

    def run(self, image):
        self.known = {self.proto.graph.input[0].name: torch.tensor(image, dtype=torch.float64)}
        for node in self.proto.graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            self.known[node.output[0]] = self.node(node, attributes)
        return self.known[self.proto.graph.output[0].name]

    def dequantized(self, node):
        q, scale = self.constants[node.input[0]], self.constants[node.input[1]]
        zero = self.constants[node.input[2]] if len(node.input) > 2 else np.zeros_like(scale, np.int32)
        shape = (-1,) + (1,) * (q.ndim - 1) if scale.ndim else ()
        real = (q.astype(np.float64) - zero.astype(np.float64).reshape(shape)) \
            * scale.astype(np.float64).reshape(shape)
        value = torch.tensor(real)
        if q.dtype == np.int32:
            value.requires_grad_(True)
            self.biases.append(value)
        return value

    def node(self, node, a):
        kind = node.op_type
        if kind == "DequantizeLinear" and node.input[0] in self.constants:
            return self.dequantized(node)
        x = [self.known[n] for n in node.input if n in self.known]
        if kind == "QuantizeLinear":
            scale, zero = self.constants[node.input[1]], self.constants[node.input[2]]
            return FakeQuantize.apply(x[0], float(scale), int(zero), *LIMITS[zero.dtype])
        if kind in ("DequantizeLinear", "Identity"):
            return x[0]
        if kind == "Relu":
            return clamp(x[0], 0.0, None)
        if kind == "Clip":
            bounds = [float(self.constants[n]) if n else None for n in [*node.input[1:], ""]][:2]
            return clamp(x[0], *bounds)
        return {"Conv": lambda: convolve(*x, a), "Gemm": lambda: x[0] @ x[1].T + x[2],
                "Add": lambda: x[0] + x[1], "Mul": lambda: x[0] * x[1],
                "HardSwish": lambda: x[0] * hard_sigmoid(x[0], 1 / 6, 0.5),
                "HardSigmoid": lambda: hard_sigmoid(x[0], a["alpha"], a["beta"]),
                "LRN": lambda: functional.local_response_norm(
                    x[0], a["size"], a["alpha"], a["beta"], a["bias"]), "Concat": lambda: torch.cat(x, 1),
                "MaxPool": lambda: max_pool(x[0], a), "AveragePool": lambda: average_pool(x[0], a),
                "GlobalAveragePool": lambda: x[0].mean((2, 3), keepdim=True),
                "Flatten": lambda: x[0].flatten(1)}[kind]()


class Builder:
    """A QDQ model; scales come from running it, and are too narrow on purpose."""

    def __init__(self, seed, shape, activations, weights, per_channel):
        self.random = np.random.default_rng(seed)
        self.activations, self.weights, self.per_channel = activations, weights, per_channel
        self.nodes, self.constants, self.scales = [], [], {}
        self.images = self.random.uniform(-1, 1, (IMAGES, *shape)).astype(np.float32)
        self.input = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, *shape])
        self.count = 0
        self.known = {"input": torch.tensor(self.images, dtype=torch.float64)}

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def append(self, kind, inputs, **attributes):
        self.count += 1
        name = f"{kind}{self.count}"
        node = helper.make_node(kind, inputs, [name], name=name, **attributes)
        self.nodes.append(node)
        # The values so far, for the choice of scales; ambiguities are judged in the finished file.
        evaluation = Evaluation(self.model(name))
        evaluation.known = self.known
        global MARGIN
        MARGIN, kept = 0, MARGIN
        self.known[name] = evaluation.node(node, {
            a.name: helper.get_attribute_value(a) for a in node.attribute})
        MARGIN = kept
        return name

    def model(self, output):
        rank = self.known[output].ndim if output in self.known else 4
        graph = helper.make_graph(
            self.nodes, "gradients", [self.input],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * rank)], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def clamped(self, x, bounds):
        if bounds is None:
            return x
        if bounds == (0, None):
            return self.append("Relu", [x])
        names = ["" if b is None else self.constant(np.float32(b)) for b in bounds]
        return self.append("Clip", [x, *names])

    def quantized(self, x, like=None):
        """Through QuantizeLinear and DequantizeLinear."""
        if like is None:
            values = self.known[x].detach().numpy()
            width = self.random.uniform(0.7, 0.9)
            low, high = min(width * values.min(), 0), max(width * values.max(), 1e-3)
            # Room below a Relu: there only the clamp stops a gradient.
            low = min(low, -self.random.choice([0, 0.1, 0.3]) * high)
            scale = np.float32((high - low) / 255)
            info = np.iinfo(self.activations)
            zero = np.array(round(-low / float(scale)) + info.min).clip(info.min, info.max)
            like = (self.constant(scale), self.constant(zero.astype(self.activations)), scale)
        q = self.append("QuantizeLinear", [x, *like[:2]])
        made = self.append("DequantizeLinear", [q, *like[:2]])
        self.scales[made] = like
        return made

    def parameter(self, values, scales, zeros, dtype):
        inputs = [self.constant(values.astype(dtype)), self.constant(scales)]
        if zeros is not None:
            inputs.append(self.constant(zeros.astype(dtype)))
        attributes = {"axis": 0} if scales.ndim else {}
        return self.append("DequantizeLinear", inputs, **attributes)

    def weighted(self, kind, x, shape, clamp=None, quantized=True, **attributes):
        fan = np.prod(shape[1:])
        real = self.random.normal(0, 1.4 / np.sqrt(fan), shape)
        rows = real.reshape(shape[0], -1) if self.per_channel else real.reshape(1, -1)
        if self.weights == np.int8:
            scales, zeros = np.abs(rows).max(1) / 127, np.zeros(len(rows))
        else:
            low, high = np.minimum(rows.min(1), 0), np.maximum(rows.max(1), 0)
            scales = (high - low) / 255
            zeros = np.rint(-low / scales)
        scales = scales.astype(np.float32)
        stored = np.rint(rows / scales[:, None].astype(np.float64)) + zeros[:, None]
        stored = stored.clip(*LIMITS[np.dtype(self.weights)]).reshape(shape)
        if not self.per_channel:
            scales, zeros = scales[0], zeros[0]
        w = self.parameter(stored, np.asarray(scales), np.asarray(zeros), self.weights)
        bias_scales = self.scales[x][2] * scales
        bias = np.rint(self.random.uniform(-0.4, 0.4, shape[0]) / bias_scales)
        b = self.parameter(bias, np.asarray(bias_scales, np.float32), None, np.int32)
        source = x
        if kind == "Gemm":
            source = self.append("Flatten", [x]) if self.known[x].ndim == 4 else x
            attributes["transB"] = 1
        y = self.clamped(self.append(kind, [source, w, b], **attributes), clamp)
        return self.quantized(y) if quantized else y

    def conv(self, x, outputs, kernel=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1),
             group=1, **more):
        inputs = self.known[x].shape[1]
        return self.weighted("Conv", x, (outputs, inputs // group, *kernel), strides=strides, pads=pads,
                             dilations=dilations, group=group, **more)

    def depthwise(self, x, multiplier=1, **more):
        channels = self.known[x].shape[1]
        return self.conv(x, channels * multiplier, group=channels, **more)

    def gemm(self, x, outputs, **more):
        return self.weighted("Gemm", x, (outputs, int(np.prod(self.known[x].shape[1:]))), **more)

    def add(self, a, b, clamp=None):
        return self.quantized(self.clamped(self.append("Add", [a, b]), clamp))

    def function(self, kind, *inputs, clamp=None, **attributes):
        return self.quantized(self.clamped(self.append(kind, list(inputs), **attributes), clamp))

    def concat(self, *inputs):
        return self.quantized(self.append("Concat", list(inputs), axis=1))

    def max_pool(self, x, kernel, strides, pads):
        y = self.append("MaxPool", [x], kernel_shape=kernel, strides=strides, pads=pads)
        return self.quantized(y, like=self.scales[x])

    def average_pool(self, x, kernel, strides, pads, include):
        return self.quantized(self.append("AveragePool", [x], kernel_shape=kernel, strides=strides,
                                          pads=pads, count_include_pad=int(include)))

    def global_pool(self, x):
        return self.quantized(self.append("GlobalAveragePool", [x]))


RELU, RELU6, BAND = (0, None), (0, 0.7), (-0.3, 0.9)
SAME = {"kernel": (3, 3), "pads": (1, 1, 1, 1)}


def residual(b, x):
    x = b.conv(x, 8, kernel=(3, 3), strides=(2, 2), pads=(0, 0, 1, 1), clamp=RELU6)
    y = b.depthwise(x, clamp=RELU6, **SAME)
    y = b.conv(y, 8)
    x = b.add(x, y, clamp=RELU)
    y = b.conv(x, 12, kernel=(3, 3), dilations=(2, 1), pads=(2, 0, 1, 2), group=2, clamp=RELU)
    return b.gemm(b.global_pool(y), 7)


def branches(b, x):
    x = b.conv(x, 5, clamp=RELU, **SAME)
    parts = [b.conv(x, 4, clamp=BAND), b.max_pool(x, (3, 3), (1, 1), (1, 1, 1, 1)),
             b.average_pool(x, (3, 3), (1, 1), (1, 1, 1, 1), False)]
    x = b.concat(*parts)
    y = b.quantized(b.clamped(x, BAND))
    x = b.concat(y, x)
    x = b.depthwise(x, 2, kernel=(5, 5), strides=(2, 2), pads=(1, 2, 2, 1))
    x = b.max_pool(x, (2, 3), (2, 2), (0, 0, 1, 0))
    return b.gemm(x, 6, quantized=False)


def strided(b, x):
    x = b.conv(x, 6, kernel=(5, 5), strides=(1, 1), pads=(2, 2, 2, 2), clamp=(None, 0.6))
    y = b.depthwise(x, kernel=(5, 5), strides=(2, 2), pads=(1, 2, 2, 2), clamp=RELU)
    z = b.conv(x, 6, strides=(2, 2), clamp=RELU)
    x = b.add(y, z, clamp=RELU6)
    x = b.add(x, x)
    y = b.average_pool(x, (2, 2), (1, 1), (0, 1, 1, 0), True)
    x = b.concat(x, y)
    x = b.conv(x, 9, kernel=(3, 3), strides=(2, 3), dilations=(2, 2), pads=(2, 3, 1, 0), clamp=RELU)
    return b.conv(x, 4, kernel=(2, 1), strides=(3, 2), pads=(1, 0, 0, 1), clamp=BAND, quantized=False)


def gated(b, x):
    x = b.conv(x, 8, kernel=(3, 3), strides=(2, 2), pads=(0, 0, 1, 1))
    x = b.function("HardSwish", x)
    y = b.conv(b.conv(b.global_pool(x), 4, clamp=RELU), 8)
    y = b.function("HardSigmoid", y, alpha=1.1, beta=0.5)
    x = b.function("Mul", x, y)
    x = b.function("LRN", x, size=3, alpha=2.0, beta=0.75, bias=1.0)
    x = b.function("Mul", b.depthwise(x, **SAME), x, clamp=BAND)
    return b.gemm(x, 6, quantized=False)


CASES = [
    (f"{net.__name__}-{np.dtype(a).name}-{np.dtype(w).name}-{'channel' if c else 'tensor'}", net, a, w, c)
    for net, a, w, c in [
        (residual, np.uint8, np.uint8, False), (residual, np.int8, np.int8, True),
        (branches, np.int8, np.int8, True), (branches, np.uint8, np.uint8, True),
        (strided, np.uint8, np.uint8, False), (strided, np.int8, np.int8, False),
        (gated, np.uint8, np.uint8, False), (gated, np.int8, np.int8, True),
    ]
]


def attempt(seed, net, activations, weights, per_channel):
    b = Builder(seed, (3, 10, 11), activations, weights, per_channel)
    with torch.no_grad():
        output = net(b, b.quantized("input"))
    model = b.model(output)
    images = []
    for image in b.images[:, None]:
        evaluation = Evaluation(model)
        found = evaluation.run(image)
        gradient = b.random.uniform(-1, 1, found.shape).astype(np.float32)
        found.backward(torch.tensor(gradient, dtype=torch.float64))
        images.append({
            "input": image.ravel().tolist(), "logits": float32_output(model, found),
            "gradient": gradient.ravel().tolist(),
            "biases": [[float(f"{g:.9g}") for g in v.grad.numpy()] for v in evaluation.biases]})
    return model, images


def float32_output(model, found):
    """The output as integer runtimes give it: `Float(steps) * scale`."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    producer = {n.output[0]: n for n in model.graph.node}
    node, bounds = producer[model.graph.output[0].name], []
    if node.op_type == "Clip":
        bounds = [constants[n] for n in node.input[1:]]
        node = producer[node.input[0]]
    scale = constants[(node if node.op_type == "DequantizeLinear" else producer[node.input[2]]).input[1]]
    if scale.ndim:
        scale = scale.reshape((1, -1) + (1,) * (found.ndim - 2))
    values = found.detach().numpy()
    real = np.rint(values / scale.astype(np.float64)).astype(np.float32) * scale
    if bounds:
        on_bound = [values == float(b) for b in bounds]
        real = np.where(on_bound[0], bounds[0], np.where(on_bound[1], bounds[1], real))
    return real.astype(np.float32).ravel().tolist()


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, *case in CASES:
        for seed in range(1000):
            try:
                model, images = attempt(seed, *case)
                break
            except Ambiguous:
                continue
        else:
            raise SystemExit(f"{name}: every seed is ambiguous")
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, FOLDER / f"{name}.onnx")
        (FOLDER / f"{name}.json").write_text(json.dumps({"images": images}) + "\n")
        print(f"{name}: seed {seed}, {sum(len(b) for b in images[0]['biases'])} biases")


if __name__ == "__main__":
    main()
