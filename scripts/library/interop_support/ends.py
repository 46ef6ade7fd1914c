# SPDX-License-Identifier: Apache-2.0
"""What a model makes of its logits at its end."""

import numpy as np

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


def function(model):
    """Softmax or LogSoftmax where nothing but rearrangements stands behind it, else None."""
    producer = {name: node for node in model.graph.node for name in node.output}
    node = producer.get(model.graph.output[0].name)
    while node is not None and node.op_type in REARRANGING:
        node = producer.get(node.input[0])
    return node.op_type if node is not None and node.op_type in ("Softmax", "LogSoftmax") else None


def applied(model, logits):
    """Our logits `[N, classes]` as the model gives them out."""
    kind = function(model)
    if kind is None:
        return logits
    values = logits.astype(np.float64).reshape(len(logits), -1)
    values -= values.max(1, keepdims=True)
    values -= np.log(np.exp(values).sum(1, keepdims=True))
    return np.exp(values) if kind == "Softmax" else values
