# SPDX-License-Identifier: Apache-2.0
"""Seconds of whole processes that correct biases: `counterbias calibrate` with two workers, and
NNCF's BiasCorrection."""

import pathlib
import shutil
import subprocess
import sys
import time

from interop_support import cases
from . import turns

MODEL = cases.SHARED / "models/mobilenet_v1_1.0_224.onnx"
CONFIGURATION = cases.ROOT / "config/mobilenet-v1.yaml"
IMAGES = cases.SHARED / "images/calibration"


def seconds(*command):
    begin = time.perf_counter()
    done = subprocess.run(
        [str(c) for c in command],
        capture_output=True,
        text=True,
        cwd=cases.ROOT / "scripts/library",
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip()}")
    return time.perf_counter() - begin


# The method alone on two workers, and the recipe for the most decibels: channels rescaled, logits
# left float as NNCF leaves them; one worker with two threads that gets all images at once, since
# nothing is shared with other machines.
PLAIN = (
    "--equalize",
    "none",
    "--weight-scale",
    "minmax",
    *cases.PER_TENSOR,
    "--workers",
    "2",
    "--threads",
    "1",
)
RECIPE = (
    "--weight-scale",
    "minmax",
    "--float-output",
    "--workers",
    "1",
    "--threads",
    "2",
    "--shard-images",
    "64",
)
ROWS = {
    "8 images": (8, PLAIN),
    "64 images": (64, PLAIN),
    "64 images, per channel, recipe": (64, RECIPE),
    # Fewer images in the channel means; ranges and statistics are of all 64.
    "64 images, per channel, recipe with --ibc-images 40": (64, (*RECIPE, "--ibc-images", "40")),
}


def ibc_rows(binary, folder, rounds, only):
    if not MODEL.exists():
        return
    out = folder / "out"

    def ours(count, flags):
        shutil.rmtree(out, ignore_errors=True)
        return seconds(
            binary,
            "calibrate",
            "--quiet",
            "--config",
            CONFIGURATION,
            "--model",
            MODEL,
            "--images",
            IMAGES,
            "--out",
            out,
            "--limit",
            count,
            "--ibc-images",
            count,
            *flags,
        )

    def theirs(count):
        return seconds(
            sys.executable, "-m", "peer_support.whole_process", count, folder / "peer.onnx"
        )

    for name, (count, flags) in ROWS.items():
        if only in name:
            sides = {
                turns.US: lambda: ours(count, flags),
                "NNCF BiasCorrection": lambda: theirs(count),
            }
            yield turns.Row(name, turns.take(sides, rounds), is_time=True)


def correct(count, out):
    """What the process of NNCF does: load, prepare images, quantize, correct, save."""
    import onnx

    from . import photographs, quantizers

    _, dims = quantizers.input_of(onnx.load(MODEL))
    _, tensors = photographs.Preparation(CONFIGURATION, dims).tensors(IMAGES, count)
    quantizers.nncf(MODEL, out, tensors, False)


if __name__ == "__main__":
    correct(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
