# SPDX-License-Identifier: Apache-2.0
"""The machine and the versions that figures belong to."""

import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess

FLAGS = (
    "avx2",
    "fma",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimddp",
    "i8mm",
)
PACKAGES = ("onnxruntime", "openvino", "nncf", "torch", "numpy")


def information(field):
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.split(":")[0].strip() == field:
            return line.split(":", 1)[1].strip()
    return ""


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def description(binary):
    flags = (information("flags") or information("Features")).split()
    bench = json.loads(subprocess.run(
        [binary, "bench", "--model", "example/digits.onnx", "--repetitions", "3", "--json"],
        capture_output=True, check=True).stdout)
    peak = bench["peak"]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    return {
        "processor": information("model name") or platform.machine(),
        "family and model": f"{information('cpu family')}, {information('model')}",
        "cores": len(os.sched_getaffinity(0)),
        "flags": " ".join(f for f in FLAGS if f in flags),
        "system": platform.platform(),
        "kernels": f"{bench['isa']}; one thread in registers {peak['gflops']:.0f} GFLOP/s, "
                   f"{peak['integer_gops']:.0f} integer GOP/s",
        "commit": commit.stdout.strip(),
        "versions": ", ".join(f"{p} {v}" for p in PACKAGES if (v := version(p))),
    }
