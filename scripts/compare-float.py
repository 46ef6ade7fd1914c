#!/usr/bin/env python3
"""Compares float logits of Counterbias with ONNX Runtime's on the float model.

    compare-float.py MODEL.onnx TRACE.safetensors [MODEL TRACE ...]

The trace holds `input` (float, in the model's own layout) and `output_float`, or `output` where the former is
missing. Exit status 1 where max |difference| / max |reference| over all images exceeds 1e-4.
"""

import argparse
import sys

import numpy as np
import onnx

from interop_support import runtime, tensors

LIMIT = 1e-4


def compare(path, trace_path):
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
    apart = np.abs(ours.reshape(theirs.shape) - theirs).max() / np.abs(theirs).max()
    passed = bool(apart <= LIMIT)
    print(f"{path}: {len(theirs)} images, relative difference {apart:.2e}: "
          + ("ok" if passed else f"FAILED, above {LIMIT:.0e}"))
    return passed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="MODEL TRACE")
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("each model needs a trace")
    pairs = zip(arguments.files[::2], arguments.files[1::2])
    sys.exit(0 if all([compare(model, trace) for model, trace in pairs]) else 1)


if __name__ == "__main__":
    main()
