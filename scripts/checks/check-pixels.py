# SPDX-License-Identifier: Apache-2.0
"""Pixels of `evaluate --trace` and of peer_support/photographs.py beside torchvision's; see
scripts/checks/check-pixels."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from peer_support import photographs
from PIL import Image
from torchvision import transforms

ROOT = pathlib.Path(__file__).resolve().parents[2]
CROP = 224
# (resize_short_side, filter); without a resize, only where all images are large enough.
PIPELINES = [(256, "bilinear"), (256, "bicubic"), (CROP, "bilinear"), (None, "bilinear")]


def network(path):
    """A convolution that looks at a few pixels: the trace holds the network's input."""
    weight = np.full((1, 3, 1, 1), 1 / 256, np.float32)
    node = helper.make_node("Conv", ["input", "weight"], ["output"], strides=[32, 32], name="conv")
    graph = helper.make_graph(
        [node],
        "pixels",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, CROP, CROP])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 7, 7])],
        [numpy_helper.from_array(weight, "weight")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )


def command(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr.strip()}")


def traced(path):
    """The inputs in a trace, [images, 3, rows, columns]."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))["input"]
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        return np.frombuffer(file.read(end - begin), "<f4").reshape(entry["shape"])


def torchvision_pixels(file, side, interpolation):
    mode = transforms.InterpolationMode(interpolation)
    steps = [transforms.Resize(side, mode)] if side else []
    image = transforms.Compose([*steps, transforms.CenterCrop(CROP)])(
        Image.open(file).convert("RGB")
    )
    return np.asarray(image).transpose(2, 0, 1)


def compare(binary, folder, side, interpolation, work):
    """Photographs, and how many of them differ from torchvision's: ours, and the peers'."""
    configuration = work / "pixels.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "preprocessing": {
                    "resize_short_side": side or "none",
                    "interpolation": interpolation,
                    "mean": [0.0],
                    "std": [1.0],
                }
            }
        )
    )
    trace = work / "trace.safetensors"
    files = sorted((p for p in folder.iterdir() if p.is_file()), key=lambda p: p.name.encode())
    model, given = work / "pixels.onnx", ["--config", configuration, "--images", folder]
    if not (work / "out/model.int8.onnx").exists():
        command(
            binary,
            "calibrate",
            "--quiet",
            *given,
            "--model",
            model,
            "--out",
            work / "out",
            "--limit",
            8,
        )
    command(
        binary,
        "evaluate",
        "--quiet",
        *given,
        "--model",
        model,
        "--quantized",
        work / "out/model.int8.onnx",
        "--trace",
        trace,
        "--trace-images",
        len(files),
    )
    ours = traced(trace)
    assert len(ours) == len(files)
    peers = photographs.Preparation(configuration, [1, 3, CROP, CROP])
    wrong = [0, 0]
    for file, pixels in zip(files, ours):
        expected = torchvision_pixels(file, side, interpolation)
        wrong[0] += not np.array_equal(pixels, expected)
        wrong[1] += not np.array_equal(peers.tensor(file)[0], expected)
    return len(files), wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path, default=ROOT.parent / "shared/images")
    arguments = parser.parse_args()
    folders = sorted(p for p in arguments.images.glob("*") if p.is_dir())
    if not folders:
        print(
            f"SKIPPED: {arguments.images} has no photographs; pixels are not compared with torchvision's"
        )
        return
    failed = False
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        network(work / "pixels.onnx")
        for folder in folders:
            smallest = min(min(Image.open(p).size) for p in folder.iterdir() if p.is_file())
            for side, interpolation in PIPELINES:
                if side is None and smallest < CROP:
                    continue
                count, (ours, peers) = compare(arguments.binary, folder, side, interpolation, work)
                print(
                    f"{folder.name:12} short side {side or 'as it is':8} crop {CROP} {interpolation:8} "
                    f"{count} photographs, {ours} differ from torchvision's (imitation for peers: {peers})",
                    flush=True,
                )
                failed = failed or ours or peers
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
