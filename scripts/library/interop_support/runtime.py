# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime sessions: one thread, and the execution mode chosen by name."""

import collections
import os
import tempfile

import numpy as np
import onnx
import onnxruntime

MODES = {
    "default": "default optimizations",
    "precise": "default optimizations, session.x64quantprecision=1 (no 16-bit saturation)",
    "plain": "optimizations off: float simulation of the quantized operators",
}
FUSED = ("QLinear", "QGemm", "QLinearMatMul")


def options(mode):
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = 1
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 3
    if mode == "precise":
        chosen.add_session_config_entry("session.x64quantprecision", "1")
    if mode == "plain":
        chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return chosen


def session(model, mode):
    return onnxruntime.InferenceSession(model.SerializeToString(), options(mode),
                                        providers=["CPUExecutionProvider"])


def run(made, feeds, batch):
    """Runs all images, `batch` at a time (8 where the batch is free); outputs by name."""
    count = len(next(iter(feeds.values())))
    step = batch or 8
    if count % step and batch:
        raise SystemExit(f"{count} images do not divide by the model's batch size {batch}")
    parts = [made.run(None, {k: v[i:i + step] for k, v in feeds.items()})
             for i in range(0, count, step)]
    names = [o.name for o in made.get_outputs()]
    return {name: np.concatenate([p[i] for p in parts]) for i, name in enumerate(names)}


def operators(model, mode):
    """Operator counts of the graph that ONNX Runtime really runs."""
    chosen = options(mode)
    with tempfile.TemporaryDirectory() as folder:
        chosen.optimized_model_filepath = os.path.join(folder, "optimized.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), chosen,
                                     providers=["CPUExecutionProvider"])
        graph = onnx.load(chosen.optimized_model_filepath).graph
    return collections.Counter(node.op_type for node in graph.node)
