# SPDX-License-Identifier: Apache-2.0
"""Logits of a quantized network against the float network's, by the definitions of `counterbias
evaluate`."""

import numpy as np
import onnxruntime


def logits(path, tensors):
    """`[images, classes]`, one image at a time."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # No sums of pairs in 16 bits, which saturate on processors without VNNI.
    options.add_session_config_entry("session.x64quantprecision", "1")
    made = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = made.get_inputs()[0].name
    return np.stack([made.run(None, {name: t})[0].reshape(-1) for t in tensors]).astype(np.float64)


def log_softmax(values):
    shifted = values - values.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def measure(reference, found, right):
    """The numbers of one row; accuracy only with labels."""
    p, q = log_softmax(reference), log_softmax(found)
    row = {
        "agreement": float((reference.argmax(1) == found.argmax(1)).mean()),
        "sqnr_db": float(10 * np.log10((reference**2).sum() / ((found - reference) ** 2).sum())),
        "kl": float((np.exp(p) * (p - q)).sum(1).mean()),
    }
    if right is not None:
        row["float"] = float((reference.argmax(1) == right).mean())
        row["top1"] = float((found.argmax(1) == right).mean())
    return row
