# SPDX-License-Identifier: Apache-2.0
"""A slow evaluator of QDQ models in NumPy: exact integer convolutions, ONNX semantics for the rest.

An oracle that shares no code with Counterbias or ONNX Runtime; reads the file by its patterns.
Operators that are not described here are those of the `onnx` package, in Float.
"""

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator

from . import ends

F = np.float32


class Value:
    def __init__(self, data, scale, zero):
        self.data, self.scale, self.zero = data, F(scale), int(zero)

    def real(self):
        return (self.data.astype(np.int32) - self.zero).astype(F) * self.scale


class Result:
    """Float result of a layer; convolutions and global averages keep their integer sums until they
    are requantized."""

    def __init__(self, real=None, sums=None, scales=None, pixels=1):
        self.sums, self.scales, self.pixels = sums, scales, F(pixels)
        self.real = real if sums is None else sums.astype(F) * (scales / self.pixels)
        self.is_clamped = False


class Product(Result):
    """Of two 8-bit tensors; the zero point takes part in the rounding."""

    def __init__(self, products, scale):
        super().__init__(products.astype(F) * scale)
        self.products, self.scale = products, scale


def saturate(steps, zero, kind):
    info = np.iinfo(kind)
    return np.clip(np.rint(steps).astype(F) + F(zero), info.min, info.max).astype(kind)


def channels(values, rank):
    values = np.asarray(values)
    return values.reshape((1, -1) + (1,) * (rank - 2)) if values.ndim else values


def convolve(x, w, strides, pads, dilations, group):
    n, c, h, wd = x.shape
    o, ci, kh, kw = w.shape
    top, left, bottom, right = pads
    padded = np.zeros((n, c, h + top + bottom, wd + left + right), np.float64)
    padded[:, :, top:top + h, left:left + wd] = x
    eh = (padded.shape[2] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    ew = (padded.shape[3] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    out = np.zeros((n, o, eh, ew), np.float64)
    per = o // group
    for g in range(group):
        xs, ws = padded[:, g * ci:(g + 1) * ci], w[g * per:(g + 1) * per].astype(np.float64)
        for a in range(kh):
            for b in range(kw):
                y0, x0 = a * dilations[0], b * dilations[1]
                part = xs[:, :, y0:y0 + (eh - 1) * strides[0] + 1:strides[0],
                          x0:x0 + (ew - 1) * strides[1] + 1:strides[1]]
                out[:, g * per:(g + 1) * per] += np.einsum("nchw,oc->nohw", part, ws[:, :, a, b])
    return out.astype(np.int64)


def windows(x, kernel, strides, pads, dilations, fill):
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    eh = (padded.shape[2] - dilations[0] * (kernel[0] - 1) - 1) // strides[0] + 1
    ew = (padded.shape[3] - dilations[1] * (kernel[1] - 1) - 1) // strides[1] + 1
    return np.stack(
        [
            padded[
                :,
                :,
                a * dilations[0] : a * dilations[0] + (eh - 1) * strides[0] + 1 : strides[0],
                b * dilations[1] : b * dilations[1] + (ew - 1) * strides[1] + 1 : strides[1],
            ]
            for a in range(kernel[0])
            for b in range(kernel[1])
        ]
    )


class Evaluator:
    def __init__(self, model):
        self.model = model

    def run(self, image):
        """8-bit tensors by name, and the float outputs in order, in front of their functions; all as
        they lie in the file."""
        self.known = {self.model.input.name: image}
        quantized = {}
        for node in self.model.proto.graph.node:
            made = self.node(node)
            self.known[node.output[0]] = made  # no operator in exported files gives several
            if node.op_type == "QuantizeLinear":
                quantized[node.output[0]] = made.data
        names = [ends.logits(self.model.proto, name) for name in self.model.outputs]
        return quantized, [self.real(self.known[name]) for name in names]

    @staticmethod
    def real(value):
        if isinstance(value, Value):
            return value.real()
        return value.real if isinstance(value, Result) else value

    def get(self, name):
        return self.known[name] if name in self.known else self.model.array(name)

    def node(self, node):
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        described = getattr(self, node.op_type, None)
        return described(node, attributes) if described else self.by_definition(node)

    def by_definition(self, node):
        opsets = {entry.domain: entry.version for entry in self.model.proto.opset_import}
        feeds = {name: self.real(self.get(name)) for name in node.input if name}
        return Result(ReferenceEvaluator(node, opsets=opsets).run(None, feeds)[0])

    def QuantizeLinear(self, node, attributes):
        source, scale = self.get(node.input[0]), F(self.get(node.input[1]))
        zero = self.get(node.input[2])
        if isinstance(source, Result) and source.sums is not None and not source.is_clamped:
            multiplier = (source.scales / (scale * source.pixels)).astype(F)
            data = saturate(source.sums.astype(F) * multiplier, zero, zero.dtype)
        elif isinstance(source, Product) and not source.is_clamped:
            steps = source.products.astype(F) * F(source.scale / scale)
            data = saturate(steps + F(zero), 0, zero.dtype)
        else:
            data = saturate(self.real(source) / scale, zero, zero.dtype)
        return Value(data, scale, zero)

    def DequantizeLinear(self, node, attributes):
        if node.input[0] in self.known:
            return self.known[node.input[0]]
        data, scale = self.get(node.input[0]), self.get(node.input[1])
        zero = self.get(node.input[2]) if len(node.input) > 2 else np.zeros_like(scale, np.int32)
        shape = (-1,) + (1,) * (data.ndim - 1)
        integers = data.astype(np.int64) - zero.astype(np.int64).reshape(shape if zero.ndim else ())
        return integers, scale

    def convolution(self, sums, bias, source, scale, rank):
        total = sums + channels(bias[0], rank)
        return Result(sums=total, scales=channels((source.scale * scale).astype(F), rank))

    def Conv(self, node, a):
        source, (w, scale) = self.get(node.input[0]), self.get(node.input[1])
        x = source.data.astype(np.int64) - source.zero
        sums = convolve(x, w, a["strides"], a["pads"], a["dilations"], a["group"])
        return self.convolution(sums, self.get(node.input[2]), source, scale, 4)

    def Gemm(self, node, a):
        source, (w, scale) = self.get(node.input[0]), self.get(node.input[1])
        sums = (source.data.astype(np.int64) - source.zero) @ w.T
        return self.convolution(sums, self.get(node.input[2]), source, scale, 2)

    def clamp(self, node, lower, upper):
        source = self.get(node.input[0])
        real = self.real(source)
        if lower is not None:
            real = np.maximum(real, lower)
        if upper is not None:
            real = np.minimum(real, upper)
        made = Result(real.astype(F))
        made.is_clamped = True
        return made

    def Relu(self, node, a):
        return self.clamp(node, F(0), None)

    def Identity(self, node, a):
        return self.clamp(node, None, None)

    def Clip(self, node, a):
        bounds = [self.get(n) if n else None for n in list(node.input[1:]) + [""] * 2][:2]
        return self.clamp(node, *bounds)

    def Add(self, node, a):
        return Result(self.real(self.get(node.input[0])) + self.real(self.get(node.input[1])))

    def Mul(self, node, a):
        """Of 8-bit tensors the integer product is exact; scales meet in one Float."""
        a, b = (self.get(n) for n in node.input)
        if not (isinstance(a, Value) and isinstance(b, Value)):
            return Result((self.real(a) * self.real(b)).astype(F))
        products = (a.data.astype(np.int64) - a.zero) * (b.data.astype(np.int64) - b.zero)
        return Product(products, a.scale * b.scale)

    def HardSigmoid(self, node, a):
        x = self.real(self.get(node.input[0]))
        return Result(np.clip((F(a["alpha"]) * x).astype(F) + F(a["beta"]), F(0), F(1)))

    def HardSwish(self, node, a):
        x = self.real(self.get(node.input[0]))
        return Result(x * np.clip((F(1 / 6) * x).astype(F) + F(0.5), F(0), F(1)))

    def LRN(self, node, a):
        x = self.real(self.get(node.input[0])).astype(np.float64)
        reach, count = a["size"] // 2, x.shape[1]
        sums = np.stack(
            [(x[:, max(0, c - reach) : c + reach + 1] ** 2).sum(1) for c in range(count)], 1
        )
        return Result((x * (a["bias"] + a["alpha"] / a["size"] * sums) ** -a["beta"]).astype(F))

    def Concat(self, node, a):
        return Result(np.concatenate([self.real(self.get(n)) for n in node.input], a["axis"]))

    def MaxPool(self, node, a):
        x = self.real(self.get(node.input[0]))
        return Result(windows(x, a["kernel_shape"], a["strides"], a["pads"], a["dilations"],
                              -np.inf).max(0).astype(F))

    def AveragePool(self, node, a):
        source = self.get(node.input[0])
        if list(a["kernel_shape"]) == list(source.data.shape[2:]) and not any(a["pads"]):
            return self.GlobalAveragePool(node, a)
        x = self.real(self.get(node.input[0]))
        taps = (a["kernel_shape"], a["strides"], a["pads"], (1, 1))
        total = np.zeros((), F)
        for part in windows(x, *taps, 0):
            total = (total + part).astype(F)
        ones = windows(np.ones_like(x), *taps, 1 if a["count_include_pad"] else 0).sum(0)
        return Result((total / ones.astype(F)).astype(F))

    def GlobalAveragePool(self, node, a):
        source = self.get(node.input[0])
        sums = (source.data.astype(np.int64) - source.zero).sum((2, 3), keepdims=True)
        return Result(sums=sums, scales=source.scale, pixels=source.data[0, 0].size)

    def reshape(self, node, change):
        source = self.get(node.input[0])
        if isinstance(source, Value):
            return Value(change(source.data), source.scale, source.zero)
        return change(self.real(source))

    def Flatten(self, node, a):
        return self.reshape(node, lambda x: x.reshape(len(x), -1))

    def Unsqueeze(self, node, a):
        return self.reshape(node, lambda x: x.reshape(x.shape + (1, 1)))

    def Transpose(self, node, a):
        return self.reshape(node, lambda x: x.transpose(a["perm"]))
