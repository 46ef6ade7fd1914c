#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares ONNX Runtime with a NumPy evaluator on exported random networks.

    COUNTERBIAS_QDQ_DUMP=FOLDER swift test --filter QDQTests
    check-random.py FOLDER [options of compare-layers.py]

Checks each file with onnx.checker, runs random images, and judges as compare-layers.py does. This
tests the writer alone: neither of the two executors of Counterbias takes part.
"""

import glob
import sys

import numpy as np
import onnx

from interop_support import ends, layers, qdq, reference

IMAGES = 16


def in_memory_order(values):
    """As `counterbias evaluate --trace` has them."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


def trace(model, seed):
    random = np.random.default_rng(seed)
    shape = [d.dim_value for d in model.input.type.tensor_type.shape.dim]
    image = random.standard_normal([IMAGES] + shape[1:]).astype(np.float32)
    quantized, outputs = reference.Evaluator(model).run(image)
    made, parts = {"input": image}, []
    for name, data in quantized.items():
        made[name] = in_memory_order(data)
    for name, values in zip(model.outputs, outputs):
        is_map = ends.is_map(model.proto, name, values.shape, made)
        parts.append((in_memory_order(values) if is_map else values).reshape(IMAGES, -1))
    made["output"] = np.concatenate(parts, 1)
    return made


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    arguments = layers.parse(["-", "-", "--quiet"] + sys.argv[2:])
    failed, paths = [], sorted(glob.glob(f"{folder}/*.onnx"))
    for seed, path in enumerate(paths):
        onnx.checker.check_model(path, full_check=True)
        model = qdq.Model(path)
        if not layers.compare_trace(path, model, trace(model, seed), arguments).passed:
            failed.append(path)
    print(f"{len(paths)} models, {len(failed)} failed" + "".join("\n  " + p for p in failed))
    sys.exit(1 if failed or not paths else 0)


if __name__ == "__main__":
    main()
