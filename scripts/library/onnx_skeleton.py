# SPDX-License-Identifier: Apache-2.0
"""ONNX files without their weights, and the way back.

A skeleton is an exported graph whose Conv, Gemm, MatMul and BatchNormalization parameters have lost
their data but kept name, type and extents. Filling gives every one of them reproducible values,
sanely scaled, so that activations neither vanish nor explode. Tests/ONNXImportTests/Skeleton.swift
fills the same way, bit for bit.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto

# Operator -> role of each operand.
ROLES = {
    "Conv": (None, "weight", "bias"),
    "Gemm": (None, "matrix", "bias"),
    "MatMul": (None, "matrix"),
    "BatchNormalization": (None, "scale", "bias", "bias", "variance"),
}


def roles(graph):
    """Name of each parameter -> its role, and for a matrix whether it is transposed."""
    found = {}
    for node in graph.node:
        transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
        for name, role in zip(node.input, ROLES.get(node.op_type, ())):
            if role:
                found[name] = (role, transposed)
    return found


def strip(model):
    """Removes parameters' data, and metadata that no reader needs."""
    graph = model.graph
    wanted = roles(graph)
    for tensor in graph.initializer:
        if tensor.name in wanted and tensor.data_type == TensorProto.FLOAT:
            for field in ("raw_data", "float_data", "external_data", "data_location"):
                tensor.ClearField(field)
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")
    for item in (*graph.node, *graph.input, *graph.output, graph, model):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    graph.ClearField("value_info")
    return model


def uniform(name, count):
    """Doubles in [-1, 1): splitmix64 seeded with the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    return unit_values(seed, count)


def unit_values(seed, count):
    """Doubles in [-1, 1), multiples of 2^-23: splitmix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1


def values(name, dims, role, transposed):
    """The values of one parameter as float32."""
    u = uniform(name, math.prod(dims))
    if role == "weight":
        u = u * math.sqrt(6 / math.prod(dims[1:]))
    elif role == "matrix":
        u = u * math.sqrt(3 / (dims[1] if transposed else dims[0]))
    elif role == "bias":
        u = u * 0.125
    else:  # scale, variance
        u = u * 0.25 + 1
    return u.astype(np.float32).reshape(dims)


def fill(model, size=None):
    """Fills a skeleton; `size` replaces height and width of its NCHW input."""
    graph = model.graph
    wanted = roles(graph)
    for tensor in graph.initializer:
        empty = not tensor.raw_data and not tensor.float_data and math.prod(tensor.dims) > 0
        if empty and tensor.name in wanted and tensor.data_type == TensorProto.FLOAT:
            data = values(tensor.name, list(tensor.dims), *wanted[tensor.name])
            tensor.raw_data = data.astype("<f4").tobytes()
    if size:
        for axis in graph.input[0].type.tensor_type.shape.dim[2:]:
            axis.dim_value = size
    onnx.checker.check_model(model)
    return model


def image(name, channels, size):
    """An input [1, channels, size, size] for the model called `name`, in [-1, 1)."""
    data = uniform("input of " + name, channels * size * size).astype(np.float32)
    return data.reshape(1, channels, size, size)
