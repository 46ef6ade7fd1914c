#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""8-bit files of Counterbias and NNCF in default sessions; scripts/benchmarks/default-sessions
describes it."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import yaml

from interop_support import ends, sessions, tensors
from peer_support import quantizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION_IMAGES = 64
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
HALF = {"mean": 127.5, "std": 127.5}
# File in ../shared, and its preprocessing: that of a preset, or keys of the section.
NETWORKS = {
    "MobileNet-v1 1.0": ("models/mobilenet_v1_1.0_224", "mobilenet-v1"),
    "MobileNet-v2 1.0": ("models/mobilenet_v2_1.0_224", "mobilenet-v2"),
    "EfficientNet-Lite0": ("models/efficientnet_lite0", "efficientnet-lite0"),
    "MobileNet-v2 1.0 160, dogs": ("models/mobilenet_v2_1.0_160_dogs", "mobilenet-v2-dogs"),
    "Inception-v1 (LRN)": ("models/googlenet_bvlc", "inception-v1"),
    "MobileNet-v1 0.25": ("zoo/mobilenet_v1_0.25_224", HALF),
    "MobileFaceNet": ("zoo/mobilefacenet", IMAGENET),
    "PFLD GhostOne": ("zoo/pfld_ghostone_112", {"mean": 0, "std": 255, "channel_order": "bgr"}),
    "MLPerf Tiny person": ("zoo/mlperf_vww96", {"mean": 0, "std": 255}),
    "MLPerf Tiny ResNet-8": ("zoo/mlperf_resnet8", {"mean": 0, "std": 1}),
    "mini-Xception, emotions": ("zoo/mini_xception_fer", HALF),
}
HEAD = ("network", "exact", "ONNX Runtime", "OpenVINO", "NNCF exact", "ONNX Runtime", "OpenVINO")
TYPES = {
    "auto": [],
    "int8": ["--weight-type", "int8"],
    "uint8": ["--weight-type", "uint8"],
    "int8, allow": ["--weight-type", "int8", "--weight-saturation", "allow"],
}
TYPES_HEAD = (
    "network",
    "weights",
    "exact",
    "ONNX Runtime",
    "OpenVINO",
    "ONNX Runtime, images/s",
    "OpenVINO, images/s",
)
TURNS = 5


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
        command(
            self.binary,
            "evaluate",
            "--quiet",
            "--config",
            config,
            "--model",
            model,
            "--quantized",
            quantized,
            "--images",
            self.images / folder,
            "--limit",
            count,
            "--trace",
            trace,
            "--trace-images",
            count,
            "--json",
        )
        return tensors.load(trace)["input"]

    def configuration(self, preprocessing):
        if isinstance(preprocessing, str):
            preset = yaml.safe_load((ROOT / f"config/{preprocessing}.yaml").read_text())
            preprocessing = preset["preprocessing"]
        config = self.work / "pixels.yaml"
        config.write_text(yaml.safe_dump({"preprocessing": preprocessing}))
        return config

    def ours(self, name, model, config, flags=()):
        out = self.work / "out" / name.replace(" ", "-")
        command(
            self.binary,
            "calibrate",
            "--quiet",
            "--config",
            config,
            "--model",
            model,
            "--images",
            self.images / "calibration",
            "--out",
            out,
            *flags,
        )
        return out / "model.int8.onnx"

    def data(self, model, ours, config):
        """A file of inputs and the float network's outputs to compare on."""
        shown = self.prepared(model, ours, config, "evaluation", self.count)
        data = ours.parent / "data.npz"
        sessions.save(data, shown, sessions.outputs("exact", str(model), shown))
        return data

    def files(self, name, model, preprocessing):
        """Our file, NNCF's or why there is none, and data to compare them on."""
        config = self.configuration(preprocessing)
        ours = self.ours(name, model, config)
        given = self.prepared(model, ours, config, "calibration", CALIBRATION_IMAGES)
        theirs, reason = ours.parent / "nncf.onnx", None
        try:
            quantizers.nncf(model, theirs, [image[None] for image in given], True)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:60]
        data = self.data(model, ours, config)
        return [
            (str(path), str(data)) for path in (ours, None if reason else theirs) if path
        ], reason

    def decibels(self, path, data):
        """With exact arithmetic and in both default sessions."""
        cells = []
        for runtime in ("exact", *sessions.RUNTIMES):
            entry = {"model": path, "data": data,
                     "softmax": ends.softmaxes(onnx.load(path))}
            found = sessions.measure(runtime, [entry], self.work)
            if found is not None and isinstance(found[0], str):
                print(found[0].splitlines()[-1], file=sys.stderr)
                cells.append("does not run")
                continue
            cells.append("" if found is None else f"{min(found[0]):.2f}")
        return cells

    def both_tools(self, title, model, preprocessing):
        files, reason = self.files(title, model, preprocessing)
        cells = [title] + [cell for file in files for cell in self.decibels(*file)]
        yield [*cells, reason, "", ""] if reason else cells

    def weight_types(self, title, model, preprocessing):
        """A row per type: SQNRs, and images per second on this processor as it is, one thread,
        medians of turns."""
        config = self.configuration(preprocessing)
        files = {
            name: self.ours(f"{title}-{name}", model, config, flags)
            for name, flags in TYPES.items()
        }
        data = str(self.data(model, files["auto"], config))
        images = np.load(data)["input"]
        rates = {(name, runtime): [] for name in files for runtime in sessions.RUNTIMES}
        made = {key: sessions.runner(key[1], str(files[key[0]])) for key in rates}
        for _ in range(TURNS):
            for key, run in made.items():
                begin = time.perf_counter()
                for image in images:
                    run(image[None])
                rates[key].append(len(images) / (time.perf_counter() - begin))
        for name, path in files.items():
            yield [
                title,
                name,
                *self.decibels(str(path), data),
                *(
                    f"{statistics.median(rates[name, runtime]):.0f}"
                    for runtime in sessions.RUNTIMES
                ),
            ]


def types_table(rows, count):
    lines = [
        "# Types of weights",
        "",
        f"Made by `scripts/benchmarks/default-sessions --types`: SQNR as in default-sessions.md, on {count} photographs; images per second on the processor as",
        f"it is, one thread, medians of {TURNS} turns. Processor: {processor()}.",
        "",
        "| " + " | ".join(TYPES_HEAD) + " |",
        "|" + "---|" * len(TYPES_HEAD),
    ]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    read = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {key.strip(): value.strip() for key, value in read.items()}
    has = [
        flag
        for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni")
        if flag in values["flags"].split()
    ]
    return f"{values['model name']}, family {values['cpu family']}, model {values['model']} ({', '.join(has)})"


def table(rows, count):
    lines = [
        "# Default sessions",
        "",
        f"Made by `scripts/benchmarks/default-sessions`: SQNR of the outputs in dB on {count} photographs of `evaluation`, with exact arithmetic and in",
        "default sessions on a processor with AVX2 and without VNNI, emulated where need be. Both tools without options, on 64 photographs.",
        "Probabilities are compared by their logarithms.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--types", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks")
    arguments = parser.parse_args()
    shared = ROOT.parent / "shared"
    if not (shared / "images/calibration").is_dir():
        print(f"SKIPPED: {shared}/images is absent")
        return
    with tempfile.TemporaryDirectory(prefix="counterbias-sessions-") as name:
        comparison = Comparison(
            arguments.binary.resolve(), shared / "images", arguments.images, pathlib.Path(name))
        kept = arguments.out / ("weight-types.json" if arguments.types else "default-sessions.json")
        known = json.loads(kept.read_text()) if kept.exists() else {}
        for title, (file, preprocessing) in NETWORKS.items():
            model = shared / f"{file}.onnx"
            if arguments.only not in title:
                continue
            if not model.exists():
                print(f"SKIPPED: {title} awaits {model}")
                continue
            measure = comparison.weight_types if arguments.types else comparison.both_tools
            known[title] = list(measure(title, model, preprocessing))
            kept.write_text(json.dumps(known, indent=1) + "\n")
            rows = [row for name in NETWORKS for row in known.get(name, [])]
            for row in known[title]:
                print("  ".join(filter(None, row)), flush=True)
            made = types_table if arguments.types else table
            kept.with_suffix(".md").write_text(made(rows, arguments.images))


if __name__ == "__main__":
    main()
