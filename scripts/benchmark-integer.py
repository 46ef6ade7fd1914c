#!/usr/bin/env python3
"""Integer throughput of `counterbias bench` and ONNX Runtime; scripts/benchmark-integer describes it."""

import argparse
import importlib
import pathlib
import statistics
import subprocess
import sys
import tempfile

import onnx
import onnxruntime

import onnx_skeleton
from interop_support import cases, images

floats = importlib.import_module("benchmark-float")

CALIBRATION_IMAGES = 8
SCHEMES = {"uint8, tensor": (), "int8, channel": cases.PER_CHANNEL}
SKELETON = "resnet18.dynamo"
SKELETON_SIZE = 224


def export(binary, case, model, flags, folder):
    """The 8-bit model that `calibrate` writes, biases as rounded."""
    folder.mkdir()
    configuration = case.configuration
    if isinstance(configuration, str):
        configuration = folder / "configuration.yaml"
        configuration.write_text(case.configuration)
    done = subprocess.run(
        [binary, "calibrate", "--model", model, "--images", case.calibration, "--out",
         folder / "job", "--config", configuration, "--method", "none", "--limit",
         str(CALIBRATION_IMAGES), "--range-images", str(CALIBRATION_IMAGES), *flags],
        capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr.strip()}")
    return onnx.load(folder / "job/model.int8.onnx")


def compare(binary, model, exports, rounds):
    """A row of cells per export: all take their turn in every round."""
    peers = [floats.Peer(proto) for proto in exports]
    turns = [(floats.our_rates(binary, model, "integer"), [p.rates() for p in peers])
             for _ in range(rounds)]
    for index in range(len(peers)):
        yield floats.cells([(ours, theirs[index]) for ours, theirs in turns])


def networks(folder):
    """(case, model) of the networks."""
    names = set()
    for case in cases.shared() if (cases.SHARED / "models").is_dir() else []:
        if not case.refusal and case.name not in names:
            names.add(case.name)
            yield case, case.model
    made = folder / "images"
    images.write(made, CALIBRATION_IMAGES, SKELETON_SIZE, cases.SEED)
    skeleton = cases.SKELETONS / f"{SKELETON}.onnx"
    path = folder / skeleton.name
    onnx.save(onnx_skeleton.fill(onnx.load(skeleton), SKELETON_SIZE), path)
    yield cases.Case(SKELETON, path, made, None, cases.GENERATED), path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    print(f"{floats.processor()}, one thread; ONNX Runtime {onnxruntime.__version__}; "
          f"{arguments.rounds} rounds\n")
    row = "{:42} {:>12} {:>13} {:>6}  {:12}  {:>11} {:>13} {:>6}"
    print(row.format("", "median", "", "", "", "fastest", "", ""))
    print(row.format("images per second", "Counterbias", "ONNX Runtime", "ratio", "range",
                     "Counterbias", "ONNX Runtime", "ratio"))
    with tempfile.TemporaryDirectory(prefix="counterbias-benchmark-") as name:
        folder = pathlib.Path(name)
        for index, (case, model) in enumerate(networks(folder)):
            if arguments.only not in case.name:
                continue
            exports = [export(binary, case, model, flags, folder / f"{index}-{number}")
                       for number, flags in enumerate(SCHEMES.values())]
            rows = compare(binary, model, exports, arguments.rounds)
            for scheme, cells in zip(SCHEMES, rows):
                print(row.format(f"{case.name}, {scheme}", *cells), flush=True)
    if not (cases.SHARED / "models").is_dir():
        print("\nSKIPPED: the real networks of ../shared are absent")


if __name__ == "__main__":
    sys.exit(main())
