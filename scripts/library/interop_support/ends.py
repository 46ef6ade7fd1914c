# SPDX-License-Identifier: Apache-2.0
"""What a model makes of its results at its outputs."""

import math

import numpy as np

from . import tensors

REARRANGING = (
    "Cast",
    "DequantizeLinear",
    "Dropout",
    "Flatten",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)


def way(model, name):
    """The nodes that rearrange what output `name` gives out, the last one first; then the one
    behind which they stand, if any."""
    producer = {result: node for node in model.graph.node for result in node.output}
    node = producer.get(name)
    while node is not None:
        yield node
        node = producer.get(node.input[0]) if node.op_type in REARRANGING else None


def function(model, name):
    """Softmax or LogSoftmax where nothing but rearrangements stands behind it, else None."""
    kinds = [node.op_type for node in way(model, name)]
    return kinds[-1] if kinds and kinds[-1] in ("Softmax", "LogSoftmax") else None


def logits(model, name):
    """The tensor in front of the output's function, or its own."""
    return list(way(model, name))[-1].input[0] if function(model, name) else name


def softmaxes(model):
    """Per output, whether it gives out probabilities."""
    return [function(model, output.name) == "Softmax" for output in model.graph.output]


def is_map(model, name, extents, trace):
    """Whether the output, [N, C, H, W] in the file, is [N, H, W, C] in the trace."""
    is_rows = len(extents) != 4
    for node in () if is_rows else way(model, name):
        if node.op_type == "DequantizeLinear" and node.input[0] in trace:
            return tensors.is_map(trace[node.input[0]].shape, extents)
        if node.op_type == "Transpose":
            return False
    return not is_rows


def applied(kind, logits):
    """Of logits `[rows, classes]`."""
    if kind is None:
        return logits
    values = logits.astype(np.float64)
    values -= values.max(1, keepdims=True)
    values -= np.log(np.exp(values).sum(1, keepdims=True))
    return np.exp(values) if kind == "Softmax" else values


def arranged(model, trace, key, shapes):
    """The outputs that `key` of a trace holds, as the exported `model` gives them out; `shapes` are
    those of all images together."""
    values, made = trace[key], []
    counts = [math.prod(shape) // len(values) for shape in shapes]
    if sum(counts) != values[0].size:
        raise SystemExit(f"the trace holds {values[0].size} outputs, the model {sum(counts)}")
    parts = np.split(values.reshape(len(values), -1), np.cumsum(counts)[:-1], axis=1)
    for output, shape, part in zip(model.graph.output, shapes, parts):
        is_channels_first = is_map(model, output.name, shape, trace)
        channels = shape[1] if is_channels_first else shape[-1]
        part = applied(function(model, output.name), part.reshape(-1, channels))
        if is_channels_first:
            part = part.reshape(shape[0], *shape[2:], channels).transpose(0, 3, 1, 2)
        made.append(part.reshape(shape))
    return made
