# SPDX-License-Identifier: Apache-2.0
"""Float outputs against ONNX Runtime's."""

import numpy as np
import onnx

from . import ends, runtime, tensors

LIMIT = 1e-4


def compare(path, exported, trace_path):
    """Relative difference of the outputs: in each the largest one over the largest value, all
    images; and the largest of these. `exported` tells in what order the trace has them."""
    trace = tensors.load(trace_path)
    made = runtime.session(onnx.load(path), "default")
    given = made.get_inputs()[0]
    batch = given.shape[0] if isinstance(given.shape[0], int) else None
    found = runtime.run(made, {given.name: trace["input"]}, batch)
    theirs = [found[output.name].astype(np.float64) for output in made.get_outputs()]
    key = "output_float" if "output_float" in trace else "output"
    ours = ends.arranged(onnx.load(exported), trace, key, [values.shape for values in theirs])
    apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs))
    print(f"{path}: {len(trace['input'])} images, relative difference {apart:.2e}: "
          + ("ok" if apart <= LIMIT else f"FAILED, above {LIMIT:.0e}"))
    return apart
