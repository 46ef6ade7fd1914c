#!/usr/bin/env python3
"""Float throughput of `counterbias bench` and ONNX Runtime; scripts/benchmark-float describes it."""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import onnx_skeleton
from interop_support import cases, runtime

IMAGES = 4
REPETITIONS = 3
LEAST_SECONDS = 0.2
SKELETONS = ("mobilenet_v2_1.4.legacy", "googlenet.legacy", "resnet18.legacy")


def extents(proto):
    """Input extents, batch first; a free batch is 1."""
    constants = {t.name for t in proto.graph.initializer}
    given = next(i for i in proto.graph.input if i.name not in constants)
    dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
    return given.name, [dims[0] or 1, *dims[1:]]


def inputs(dims):
    """The images that `counterbias bench` makes: splitmix64 from 0, in NHWC order."""
    is_channels_first = dims[1] <= 4
    _, *rest = dims
    height, width, channels = (*rest[1:], rest[0]) if is_channels_first else rest
    numbers = onnx_skeleton.unit_values(0, IMAGES * height * width * channels)
    made = numbers.astype(np.float32).reshape(IMAGES, 1, height, width, channels)
    made = made.transpose(0, 1, 4, 2, 3) if is_channels_first else made
    return [np.ascontiguousarray(image) for image in made]


class Peer:
    """One warm session of ONNX Runtime."""

    def __init__(self, proto):
        name, dims = extents(proto)
        if dims[0] != 1:
            raise SystemExit(f"a model with a batch of {dims[0]} cannot be timed image by image")
        self.feeds = [{name: image} for image in inputs(dims)]
        self.session = runtime.session(proto, "default")
        self.count = 1
        while self.seconds() < LEAST_SECONDS:
            self.count *= 2

    def seconds(self):
        begin = time.perf_counter()
        for index in range(self.count):
            self.session.run(None, self.feeds[index % IMAGES])
        return time.perf_counter() - begin

    def rates(self):
        return [self.count / self.seconds() for _ in range(REPETITIONS)]


def our_rates(binary, model, executor):
    done = subprocess.run(
        [str(binary), "bench", "--model", str(model), "--threads", "1", "--repetitions",
         str(REPETITIONS), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{model}: {done.stderr.strip()}")
    return json.loads(done.stdout)[executor]["repetitions"]


def cells(pairs):
    """The cells of a row: per round, our rates and the peer's."""
    medians = [tuple(map(statistics.median, pair)) for pair in pairs]
    ratios = [ours / theirs for ours, theirs in medians]
    ours, theirs = (statistics.median(side) for side in zip(*medians))
    best, peer_best = (max(map(max, side)) for side in zip(*pairs))
    return [f"{ours:.1f}", f"{theirs:.1f}", f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{best:.1f}", f"{peer_best:.1f}", f"{best / peer_best:.2f}"]


def compare(binary, model, rounds):
    """The cells of the model's row."""
    peer = Peer(onnx.load(model))
    return cells([(our_rates(binary, model, "float"), peer.rates()) for _ in range(rounds)])


def models(folder):
    """(name, path) of the default models."""
    for case in cases.shared() if (cases.SHARED / "models").is_dir() else []:
        if not case.refusal and not case.flags:
            yield case.name, case.model
    for name in SKELETONS:
        path = pathlib.Path(folder) / f"{name}.onnx"
        onnx.save(onnx_skeleton.fill(onnx.load(cases.SKELETONS / path.name)), path)
        yield name, path


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("models", nargs="*", type=pathlib.Path, metavar="MODEL.onnx")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_intermixed_args()
    print(f"{processor()}, one thread; ONNX Runtime {onnxruntime.__version__}; {arguments.rounds} rounds\n")
    row = "{:26} {:>12} {:>13} {:>6}  {:12}  {:>11} {:>13} {:>6}"
    print(row.format("", "median", "", "", "", "fastest", "", ""))
    print(row.format("images per second", "Counterbias", "ONNX Runtime", "ratio", "range",
                     "Counterbias", "ONNX Runtime", "ratio"))
    with tempfile.TemporaryDirectory(prefix="counterbias-benchmark-") as folder:
        chosen = [(m.stem, m) for m in arguments.models] or models(folder)
        for name, model in chosen:
            made = compare(arguments.binary.resolve(), model, arguments.rounds)
            print(row.format(name, *made), flush=True)
    if not arguments.models and not (cases.SHARED / "models").is_dir():
        print("\nSKIPPED: the real networks of ../shared are absent")


if __name__ == "__main__":
    sys.exit(main())
