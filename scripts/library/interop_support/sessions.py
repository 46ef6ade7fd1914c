#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people's default sessions make of exported models on an x86 processor with AVX2 and without
VNNI.

    sessions.py RUNTIME LIST.json RESULT.json

RUNTIME is onnxruntime, openvino, or exact: ONNX Runtime without that arithmetic, on this processor
as it is. Such processors add two products of int8 weights in 16 bits and saturate. Where this one
has more, the runtime runs under `qemu-x86_64 -cpu Haswell`; OpenVINO's own switch,
ONEDNN_MAX_CPU_ISA=AVX2, makes it crash on fully connected layers (2026.4.1). LIST.json names models
with their inputs, the float networks' outputs, and which of these are probabilities; RESULT.json
gets for each a list of SQNRs in dB, each output against the float one, or why it does not run.
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
    """For each of `models`, dicts with the paths `model` and `data` and a flag `softmax` for each
    output, the SQNRs of its outputs, or what the runtime says where it does not run; None where an
    emulator is missing."""
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
    """A function from a batch to the outputs, on one thread."""
    if runtime == "openvino":
        import openvino
        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        made = core.compile_model(path, "CPU")
        return lambda batch: list(made([batch]).values())
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if runtime == "exact":
        options.add_session_config_entry("session.x64quantprecision", "1")
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = made.get_inputs()[0].name
    return lambda batch: made.run(None, {name: batch})


def outputs(runtime, path, images):
    """All outputs of all images, run one image at a time."""
    run = runner(runtime, path)
    made = zip(*(run(image[None]) for image in images))
    return [np.concatenate(parts) for parts in made]


def save(path, images, outputs):
    """The file that `measure` compares with."""
    np.savez(path, input=images, **{f"output{i}": values for i, values in enumerate(outputs)})


def decibels(references, others, are_softmax):
    """SQNR of each output."""
    found = []
    for reference, other, is_softmax in zip(references, others, are_softmax, strict=True):
        reference = comparable(reference, is_softmax)
        found.append(sqnr(reference, comparable(other, is_softmax).reshape(reference.shape)))
    return found


def main():
    runtime, given, result = sys.argv[1:]
    found = []
    for entry in json.loads(pathlib.Path(given).read_text()):
        data = np.load(entry["data"])
        try:
            made = outputs(runtime, entry["model"], data["input"])
        except Exception as error:
            found.append(str(error).strip())
            continue
        references = [data[f"output{i}"] for i in range(len(made))]
        found.append(decibels(references, made, entry["softmax"]))
    pathlib.Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
