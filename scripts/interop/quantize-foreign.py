#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quantizes a float model with ONNX Runtime and with NNCF, per tensor and per channel.

    quantize-foreign.py M.onnx TRACE.safetensors FOLDER

The inputs come from `counterbias evaluate --trace TRACE.safetensors --trace-images N`, so that all
tools see the same pixels. Writes FOLDER/{ort,nncf}-{tensor,channel}.onnx. Needs the packages of
`foreign` (scripts/pyproject.toml).
"""

import pathlib
import sys
import time

import onnx

from interop_support import foreign, tensors


def main():
    model, trace, folder = (
        onnx.load(sys.argv[1]),
        tensors.load(sys.argv[2]),
        pathlib.Path(sys.argv[3]),
    )
    folder.mkdir(parents=True, exist_ok=True)
    folded = foreign.prepared(model)
    name = next(i.name for i in folded.graph.input
                if i.name not in {t.name for t in folded.graph.initializer})
    feeds = [{name: image[None]} for image in trace["input"]]
    for title, quantize, options in foreign.usual():
        begin = time.monotonic()
        onnx.save(quantize(folded, feeds, **options), folder / f"{title}.onnx")
        print(f"{title}: {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
