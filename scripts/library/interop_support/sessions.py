#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people's default sessions make of exported models on an x86 processor with AVX2 and without
VNNI.

    sessions.py RUNTIME LIST.json RESULT.json

RUNTIME is onnxruntime, openvino, or exact: ONNX Runtime without that arithmetic, on this processor
as it is. Such processors add two products of int8 weights in 16 bits and saturate. Where this one
has more, the runtime runs under `qemu-x86_64 -cpu Haswell`; OpenVINO's own switch,
ONEDNN_MAX_CPU_ISA=AVX2, makes it crash on fully connected layers (2026.4.1). LIST.json names models
with their inputs, the float networks' outputs, and whether these are probabilities; RESULT.json
gets a list of SQNRs in dB, the outputs against the float ones.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np

# Most that a default session may lose against exact arithmetic, in dB. OpenVINO computes additions,
# HardSwish and means in float, which alone is 0.8 dB of 34 on a made-up MobileNet-v3; what
# saturates costs more.
RUNTIMES = {"onnxruntime": 0.5, "openvino": 1.0}


def sqnr(reference, other):
    noise = ((reference - other) ** 2).sum()
    return float("inf") if noise == 0 else float(10 * np.log10((reference ** 2).sum() / noise))


def comparable(values, is_softmax):
    """Probabilities as their logarithms, so that all classes count as they do in logits."""
    values = np.asarray(values, np.float64)
    return np.log(np.maximum(values, 1e-20)) if is_softmax else values


def has_more_than_avx2():
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return "avx512" in flags or "avx_vnni" in flags


def measure(runtime, models, folder):
    """SQNRs of `models`, each a dict with the paths `model` and `data` and the flag `softmax`; None
    where an emulator is missing."""
    command = [sys.executable, __file__]
    if runtime != "exact" and has_more_than_avx2():
        emulator = shutil.which("qemu-x86_64")
        if emulator is None:
            return None
        command = [emulator, "-cpu", "Haswell", *command]
    given, result = folder / f"{runtime}-models.json", folder / f"{runtime}-result.json"
    given.write_text(json.dumps(models))
    done = subprocess.run([*command, runtime, given, result], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{runtime}: {done.stderr.strip()}")
    return json.loads(result.read_text())


def runner(runtime, path):
    """A function from a batch to the first output, on one thread."""
    if runtime == "openvino":
        import openvino
        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        made = core.compile_model(path, "CPU")
        return lambda batch: made([batch])[0]
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if runtime == "exact":
        options.add_session_config_entry("session.x64quantprecision", "1")
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = made.get_inputs()[0].name
    return lambda batch: made.run(None, {name: batch})[0]


def outputs(runtime, path, images):
    """The first output, one image at a time."""
    run = runner(runtime, path)
    return np.concatenate([run(image[None]) for image in images])


def main():
    runtime, given, result = sys.argv[1:]
    found = []
    for entry in json.loads(pathlib.Path(given).read_text()):
        data = np.load(entry["data"])
        made = comparable(outputs(runtime, entry["model"], data["input"]), entry["softmax"])
        found.append(sqnr(comparable(data["float"], entry["softmax"]).reshape(made.shape), made))
    pathlib.Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
