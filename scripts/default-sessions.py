#!/usr/bin/env python3
"""8-bit files of Counterbias and NNCF in default sessions; scripts/default-sessions describes it."""

import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
import yaml

from interop_support import sessions, tensors
from peer_support import quantizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALIBRATION_IMAGES = 64
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
HALF = {"mean": 127.5, "std": 127.5}
# File in ../shared, and its preprocessing: that of a preset, or keys of the section.
NETWORKS = {
    "MobileNet-v1 1.0": ("models/mobilenet_v1_1.0_224", "mobilenet-v1"),
    "MobileNet-v2 1.0": ("models/mobilenet_v2_1.0_224", "mobilenet-v2"),
    "EfficientNet-Lite0": ("models/efficientnet_lite0", "efficientnet-lite0"),
    "MobileNet-v2 160, 19 dogs": ("models/mobilenet_v2_1.0_160_dogs", "mobilenet-v2-dogs"),
    "GoogLeNet, original (LRN)": ("models/googlenet_bvlc", "inception-v1"),
    "MobileNet-v1 0.25": ("zoo/mobilenet_v1_0.25_224", HALF),
    "MobileFaceNet": ("zoo/mobilefacenet", IMAGENET),
    "PFLD GhostOne": ("zoo/pfld_ghostone_112", {"mean": 0, "std": 255, "channel_order": "bgr"}),
    "MLPerf Tiny person": ("zoo/mlperf_vww96", {"mean": 0, "std": 255}),
    "MLPerf Tiny ResNet-8": ("zoo/mlperf_resnet8", {"mean": 0, "std": 1}),
    "mini-Xception, emotions": ("zoo/mini_xception_fer", HALF),
}
HEAD = ("network", "exact", "ONNX Runtime", "OpenVINO", "NNCF exact", "ONNX Runtime", "OpenVINO")


def command(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr.strip()}")


class Comparison:
    def __init__(self, binary, images, count, work):
        self.binary, self.images, self.count, self.work = binary, images, count, work

    def prepared(self, model, quantized, config, folder, count):
        """The network's inputs, in the file's layout, as Counterbias makes them."""
        trace = self.work / "trace.safetensors"
        command(self.binary, "evaluate", "--quiet", "--config", config, "--model", model, "--quantized",
                quantized, "--images", self.images / folder, "--limit", count, "--trace", trace,
                "--trace-images", count, "--json")
        return tensors.load(trace)["input"]

    def files(self, name, model, preprocessing):
        """Our file, NNCF's or why there is none, and data to compare them on."""
        if isinstance(preprocessing, str):
            preset = yaml.safe_load((ROOT / f"config/{preprocessing}.yaml").read_text())
            preprocessing = preset["preprocessing"]
        config = self.work / "pixels.yaml"
        config.write_text(yaml.safe_dump({"preprocessing": preprocessing}))
        out = self.work / "out" / name.replace(" ", "-")
        command(self.binary, "calibrate", "--quiet", "--config", config, "--model", model, "--images",
                self.images / "calibration", "--out", out)
        ours = out / "model.int8.onnx"
        given = self.prepared(model, ours, config, "calibration", CALIBRATION_IMAGES)
        theirs, reason = out / "nncf.onnx", None
        try:
            quantizers.nncf(model, theirs, [image[None] for image in given], True)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:60]
        shown = self.prepared(model, ours, config, "evaluation", self.count)
        data = out / "data.npz"
        np.savez(data, input=shown, float=sessions.outputs("exact", str(model), shown))
        return [(str(path), str(data)) for path in (ours, None if reason else theirs) if path], reason


def table(rows, count):
    lines = ["# Default sessions", "",
             f"Made by `scripts/default-sessions`: SQNR of the outputs in dB on {count} photographs of `evaluation`, with exact arithmetic and in",
             "default sessions on a processor with AVX2 and without VNNI, emulated where need be. Both tools without options, on 64 photographs.", "",
             "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks")
    arguments = parser.parse_args()
    shared = ROOT.parent / "shared"
    if not (shared / "images/calibration").is_dir():
        print(f"SKIPPED: {shared}/images is absent")
        return
    with tempfile.TemporaryDirectory(prefix="counterbias-sessions-") as name:
        comparison = Comparison(
            arguments.binary.resolve(), shared / "images", arguments.images, pathlib.Path(name))
        rows = []
        for title, (file, preprocessing) in NETWORKS.items():
            model = shared / f"{file}.onnx"
            if arguments.only not in title:
                continue
            if not model.exists():
                print(f"SKIPPED: {title} awaits {model}")
                continue
            files, reason = comparison.files(title, model, preprocessing)
            cells = [title]
            for path, data in files:
                for runtime in ("exact", *sessions.RUNTIMES):
                    found = sessions.measure(
                        runtime, [{"model": path, "data": data}], comparison.work)
                    cells.append("" if found is None else f"{found[0]:.2f}")
            rows.append([*cells, reason, "", ""] if reason else cells)
            print("  ".join(filter(None, rows[-1])), flush=True)
        (arguments.out / "default-sessions.md").write_text(table(rows, arguments.images))


if __name__ == "__main__":
    main()
