# SPDX-License-Identifier: Apache-2.0
"""Float logits against ONNX Runtime's."""

import numpy as np
import onnx

from . import ends, runtime, tensors

LIMIT = 1e-4


def compare(path, trace_path):
    """Relative difference of the logits: the largest one over the largest logit, all images."""
    trace = tensors.load(trace_path)
    model = onnx.load(path)
    made = runtime.session(model, "default")
    given = made.get_inputs()[0]
    batch = given.shape[0] if isinstance(given.shape[0], int) else None
    found = runtime.run(made, {given.name: trace["input"]}, batch)
    theirs = found[made.get_outputs()[0].name].astype(np.float64)
    ours = trace.get("output_float", trace.get("output"))
    if ours is None or ours.size != theirs.size:
        raise SystemExit(f"{trace_path} holds no logits of {path}")
    ours = ends.applied(model, ours)
    apart = np.abs(ours.reshape(theirs.shape) - theirs).max() / np.abs(theirs).max()
    print(f"{path}: {len(theirs)} images, relative difference {apart:.2e}: "
          + ("ok" if apart <= LIMIT else f"FAILED, above {LIMIT:.0e}"))
    return float(apart)
