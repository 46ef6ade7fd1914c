#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/KernelsTests/OnnxRuntimeVectors.swift: small integer results of ONNX Runtime.

Needs numpy, onnx and onnxruntime (from PyPI) on x86-64. The committed file was made with onnxruntime 1.32.
usage: python3 scripts/make-kernel-vectors.py
"""
import pathlib
import re

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

rng = np.random.default_rng(20190607)
target = pathlib.Path(__file__).parent.parent / "Tests/KernelsTests/OnnxRuntimeVectors.swift"


def run(nodes, constants, inputs):
    """Output "Y" of a graph of `nodes`; inputs and constants map names to arrays."""
    graph = helper.make_graph(
        nodes,
        "vectors",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in inputs.items()
        ],
        [helper.make_tensor_value_info("Y", TensorProto.UINT8, None)],
        [onnx.numpy_helper.from_array(np.asarray(x), name) for name, x in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)[0]


def text(x):
    """Bytes in hexadecimal; images as NHWC."""
    x = np.asarray(x)
    if x.ndim == 4:
        x = x.transpose(0, 2, 3, 1)
    return f'"{np.ascontiguousarray(x).tobytes().hex()}"'


def quantization(scale, zero_point):
    return f"ByteQuantization(scale: {scale.hex()}, zeroPoint: {zero_point})"


class Scale(float):
    """A float32 value with an exact Swift literal."""

    def __new__(cls, value):
        return super().__new__(cls, np.float32(value))


def parameters(count, ties):
    scales = [Scale(s) for s in rng.uniform(0.01, 0.1, count)]
    if ties:  # powers of two between scales make exact halves frequent
        scales = [Scale(scales[-1] * 2.0 ** int(rng.integers(-2, 1))) for _ in scales]
    return scales, [int(z) for z in rng.choice([0, 255, 128, 77, 131], count)]


def constants(names, scales, zero_points):
    result = {}
    for name, scale, zero_point in zip(names, scales, zero_points):
        result["s" + name], result["z" + name] = np.float32(scale), np.uint8(zero_point)
    return result


def pair(operator, ties):
    scales, zero_points = parameters(3, ties)
    if operator == "QLinearMul":
        scales[2] = Scale(scales[2] * (2.0 if ties else 3.0))
    a, b = rng.integers(0, 256, (2, 1, 300), dtype=np.uint8)
    node = helper.make_node(
        operator, ["A", "sA", "zA", "B", "sB", "zB", "sY", "zY"], ["Y"],
        domain="com.microsoft",
    )
    y = run([node], constants("ABY", scales, zero_points), {"A": a, "B": b})
    quantizations = [quantization(s, z) for s, z in zip(scales, zero_points)]
    return f"a: {text(a)}, b: {text(b)}, output: {text(y)},\n" + ", ".join(
        f"{name}: {q}" for name, q in zip(["quantizationA", "quantizationB", "result"], quantizations)
    )


def pool(operator, ties, shape=(5, 6, 3), window="Window(kernelHeight: 1, kernelWidth: 1)",
         include=False, **attributes):
    scales, zero_points = parameters(2, ties)
    x = rng.integers(0, 256, (1, shape[2], *shape[:2]), dtype=np.uint8)
    nodes = [
        helper.make_node("DequantizeLinear", ["X", "sX", "zX"], ["x"]),
        helper.make_node(operator, ["x"], ["y"], **attributes),
        helper.make_node("QuantizeLinear", ["y", "sY", "zY"], ["Y"]),
    ]
    y = run(nodes, constants("XY", scales, zero_points), {"X": x})
    return (
        f"input: {text(x)}, output: {text(y)},\n"
        f"shape: FeatureShape(height: {shape[0]}, width: {shape[1]}, channels: {shape[2]}),\n"
        f"window: {window}, countIncludePad: {str(include).lower()},\n"
        f"quantization: {quantization(scales[0], zero_points[0])},\n"
        f"result: {quantization(scales[1], zero_points[1])}"
    )


def average(ties, kernel, stride, pad, include):
    window = (
        f"Window(kernelHeight: {kernel}, kernelWidth: {kernel}, strideHeight: {stride}, "
        f"strideWidth: {stride}, padTop: {pad}, padLeft: {pad}, padBottom: {pad}, "
        f"padRight: {pad})"
    )
    return pool(
        "AveragePool", ties, window=window, include=include, kernel_shape=[kernel] * 2,
        strides=[stride] * 2, pads=[pad] * 4, count_include_pad=int(include),
    )


def whole_average(shape):
    """A window that is the whole input, on which the sum of other windows would round differently."""
    height, width, channels = shape
    window = f"Window(kernelHeight: {height}, kernelWidth: {width})"
    while True:
        case = pool("AveragePool", True, shape=shape, window=window, kernel_shape=[height, width])
        if not equals_chain(case, shape):
            return case


def equals_chain(case, shape):
    """Whether the Float chain over dequantized values gives a vector's output, too."""
    x, y = (
        np.frombuffer(bytes.fromhex(h), np.uint8) for h in re.findall(r'put: "([0-9a-f]+)"', case)
    )
    scales = [np.float32(float.fromhex(s)) for s in re.findall(r"scale: ([^,]+),", case)]
    zero_points = [np.float32(z) for z in re.findall(r"zeroPoint: (\d+)", case)]
    total = np.zeros(shape[2], np.float32)
    for pixel in x.reshape(-1, shape[2]).astype(np.float32):
        total = total + (pixel - zero_points[0]) * scales[0]
    steps = total / np.float32(shape[0] * shape[1]) / scales[1] + zero_points[1]
    return np.array_equal(np.clip(np.rint(steps), 0, 255), y)


def convolution(groups):
    """Per-channel uint8 weights; the bias is the float one rounded, as runtimes see it."""
    channels, outputs, extent = 6, 6 if groups == 6 else 10, 7
    scales, zero_points = parameters(2, False)
    weight_scale, weight_zero = np.float32(0.013), int(rng.integers(100, 156))
    x = rng.integers(0, 256, (1, channels, extent, extent), dtype=np.uint8)
    w = rng.integers(0, 256, (outputs, channels // groups, 3, 3), dtype=np.uint8)
    bias = rng.integers(-9000, 9000, outputs).astype(np.int32)
    fixed = constants("XY", scales, zero_points)
    fixed |= {"W": w, "sW": weight_scale, "zW": np.uint8(weight_zero), "B": bias}
    fixed["sY"] = np.float32(scales[1] * 40)
    node = helper.make_node(
        "QLinearConv", ["X", "sX", "zX", "W", "sW", "zW", "sY", "zY", "B"], ["Y"],
        group=groups, pads=[1, 0, 1, 2], strides=[1, 2],
    )
    y = run([node], fixed, {"X": x})
    multiplier = Scale(np.float32(scales[0]) * weight_scale / fixed["sY"])
    return (
        f"input: {text(x)}, output: {text(y)}, weights: {text(w)},\n"
        f"bias: {bias.tolist()},\n"
        f"groups: {groups}, inputZeroPoint: {zero_points[0]}, weightZeroPoint: {weight_zero},\n"
        f"multiplier: {multiplier.hex()}, zeroPoint: {zero_points[1]}"
    )


def group(name, kind, cases):
    body = ",\n".join(f"    {kind}(\n{case})" for case in cases)
    return f"let {name}: [{kind}] = [\n{body},\n]\n"


parts = [
    "// Made by scripts/make-kernel-vectors.py with onnxruntime "
    f"{onnxruntime.__version__}; do not edit.\n// swift-format-ignore-file\n"
    "import Kernels\nimport NetworkGraph\n",
    group(
        "addVectors", "PairVector", [pair("QLinearAdd", i % 2 == 1) for i in range(6)]),
    group(
        "averagePoolVectors", "PoolVector",
        [
            average(ties, kernel, stride, pad, include)
            for ties in (True, False)
            for kernel, stride, pad, include in
            [(2, 2, 0, False), (2, 1, 0, False), (3, 1, 1, False), (3, 2, 1, True)]
        ],
    ),
    group(
        "globalAveragePoolVectors", "PoolVector",
        [pool("GlobalAveragePool", ties, shape=(h, 4, 37)) for ties in (True, False) for h in (2, 7)],
    ),
    group("convolutionVectors", "ConvolutionVector", [convolution(g) for g in (1, 2, 6)]),
    group(
        "wholeAveragePoolVectors", "PoolVector",
        [whole_average(shape) for shape in [(7, 7, 37), (8, 8, 37), (3, 6, 37)]],
    ),
    group(
        "multiplyVectors", "PairVector", [pair("QLinearMul", i % 2 == 1) for i in range(6)]),
]
target.write_text("\n".join(parts))
