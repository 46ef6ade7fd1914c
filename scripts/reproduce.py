#!/usr/bin/env python3
"""Results table of all networks and methods; scripts/reproduce describes it."""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The methods alone; presets may have ranges and scales by search, and equalization.
PLAIN = ["--weight-scale", "minmax", "--range", "minmax", "--equalize", "none"]
TENSOR = ["--granularity", "tensor", "--weights", "asymmetric"]
SYMMETRIC = ["--granularity", "tensor", "--weights", "symmetric"]
CHANNEL = ["--granularity", "channel", "--weights", "symmetric"]
SCHEMES = {"tensor, asymmetric": TENSOR, "tensor, symmetric": SYMMETRIC, "channel, symmetric": CHANNEL}
METHODS = {
    "naive, dead channels kept": [*PLAIN, "--method", "none", "--keep-dead-channels"],
    "naive": [*PLAIN, "--method", "none"],
    "IBC, 8 images": [*PLAIN, "--method", "ibc"],
    "IBC, 64 images": [*PLAIN, "--method", "ibc", "--ibc-images", "64"],
    "BFT": [*PLAIN, "--method", "bft"],
    "IBC + BFT": [*PLAIN, "--method", "ibc,bft"],
    "preset, IBC, 8 images": ["--method", "ibc"],
    "preset, IBC + BFT": ["--method", "ibc,bft"],
}
# With a scale per channel alone: few images with logits left float, as NNCF leaves them; and weights of fewer bits.
CHANNEL_METHODS = {
    "preset, IBC, 64 images, float logits": ["--method", "ibc", "--ibc-images", "64", "--float-output"],
    **{f"{name}, {bits} bits": [*PLAIN, "--method", method, "--bits", str(bits)]
       for bits in (6, 4) for name, method in (("naive", "none"), ("IBC, 8 images", "ibc"))},
}


@dataclasses.dataclass
class Network:
    title: str
    file: str
    preset: str
    # The paper's top-1 minus float: plain 8 bits, IBC on 8 images, BFT on 1,000 (arXiv 1906.03193).
    paper: dict = dataclasses.field(default_factory=dict)
    is_labelled: bool = True


NETWORKS = [
    Network("MobileNet-v1 1.0", "mobilenet_v1_1.0_224", "mobilenet-v1",
            {"naive": -7.9, "IBC, 8 images": -1.0, "BFT": -1.03}),
    Network("MobileNet-v2 1.0", "mobilenet_v2_1.0_224", "mobilenet-v2",
            {"naive": -16.44, "IBC, 8 images": -1.1, "BFT": -1.2}),
    Network("MobileNet-v2 1.4", "mobilenet_v2_1.4_224", "mobilenet-v2", {"naive": -6.42, "BFT": -0.85}),
    Network("Inception-v1 (LRN)", "googlenet_bvlc", "inception-v1"),
    Network("Inception-v1 (BatchNorm)", "inception_v1_bn", "inception-v1-bn"),
    Network("ResNet-18", "resnet18", "resnet18"),
    Network("EfficientNet-Lite0", "efficientnet_lite0", "efficientnet-lite0"),
    Network("MobileNet-v3 large", "mobilenet_v3_large", "mobilenet-v3"),
    Network("MobileNet-v2 1.0 160, dogs", "mobilenet_v2_1.0_160_dogs", "mobilenet-v2-dogs", is_labelled=False),
]


class Images:
    """Where the photographs are, and the sets that networks are compared on."""

    def __init__(self, folder):
        self.calibration = folder / "calibration"
        self.sets = {"evaluation": (folder / "evaluation", folder / "labels.csv")}
        if (folder / "validation").is_dir():
            self.sets["validation"] = (folder / "validation", folder / "validation_labels.csv")

    @staticmethod
    def preset(name, preset, work):
        """The preset's path; for photographs that are scaled already, one without the scaling."""
        path = ROOT / f"config/{preset}.yaml"
        if name != "validation":
            return path
        settings = yaml.safe_load(path.read_text())
        settings["preprocessing"]["resize_short_side"] = "none"
        changed = work / f"{preset}-{name}.yaml"
        changed.write_text(yaml.safe_dump(settings))
        return changed


def command(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr.strip()}")
    return done.stdout


def ours(binary, network, model, images, flags, work):
    """A cell per image set, and the seconds of the whole calibration."""
    out = work / "out"
    begin = time.perf_counter()
    command(binary, "calibrate", "--quiet", "--config", ROOT / f"config/{network.preset}.yaml", "--model", model,
            "--images", images.calibration, "--out", out, *flags)
    cells = {"seconds": time.perf_counter() - begin}
    for name, (folder, labels) in images.sets.items():
        given = ["--labels", labels] if network.is_labelled else []
        found = json.loads(command(
            binary, "evaluate", "--config", images.preset(name, network.preset, work), "--model", model,
            "--quantized", out / "model.int8.onnx", "--images", folder, *given, "--json"))
        cells[name] = {key: found[key] for key in ("agreement", "sqnr_db", "kl")}
        if network.is_labelled:
            cells[name] |= {"float": found["float"]["top1"], "top1": found["quantized"]["top1"]}
    command("rm", "-rf", out)
    return cells


def theirs(make, count, network, model, images, work):
    from peer_support import comparison, photographs, quantizers
    import onnx

    _, dims = quantizers.input_of(onnx.load(model))
    out = work / "peer.onnx"
    begin = time.perf_counter()
    preparation = photographs.Preparation(ROOT / f"config/{network.preset}.yaml", dims)
    make(model, out, preparation.tensors(images.calibration, count)[1])
    cells = {"seconds": time.perf_counter() - begin}
    for name, (folder, labels) in images.sets.items():
        preparation = photographs.Preparation(images.preset(name, network.preset, work), dims)
        names, tensors = preparation.tensors(folder)
        right = photographs.labels(labels if network.is_labelled else None, names, preparation.offset)
        cells[name] = comparison.measure(
            comparison.logits(model, tensors), comparison.logits(out, tensors), right)
    return cells


def rows(binary, network, model, images, work, with_peers):
    """(scheme, method, cells) of one network."""
    for scheme, scheme_flags in SCHEMES.items():
        methods = METHODS | (CHANNEL_METHODS if scheme_flags is CHANNEL else {})
        for method, flags in methods.items():
            yield scheme, method, ours(binary, network, model, images, scheme_flags + flags, work)
    if not with_peers:
        return
    from peer_support import quantizers

    for name, (count, make) in quantizers.PEERS.items():
        try:
            yield "its own", name, theirs(make, count, network, model, images, work)
        except Exception as error:  # A peer that cannot take a network is a row too.
            yield "its own", name, {"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}


def table(results):
    """Markdown of everything measured so far."""
    lines = ["# Results", "",
             "Made by `scripts/reproduce`; see there for images and settings. Top-1 in %, in parentheses against float; SQNR of the",
             "logits in dB; KL divergence from the float network's softmax. Seconds are whole processes on two cores.", ""]
    for network in NETWORKS:
        found = results.get(network.title)
        lines += [f"## {network.title}", ""]
        if not found:
            lines += [f"Awaits `{network.file}.onnx` in the models folder.", ""]
            continue
        sets = [n for n in ("evaluation", "validation") if any(n in row["cells"] for row in found)]
        head = ["weights", "method", *(f"{n}: {c}" for n in sets for c in ("top-1", "agrees", "SQNR", "KL")), "s", "paper"]
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for row in found:
            cells = row["cells"]
            shown = [row["scheme"], row["method"]]
            for name in sets:
                cell = cells.get(name)
                if cell is None:
                    shown += [cells.get("error", ""), "", "", ""]
                    continue
                accuracy = "" if "top1" not in cell else (
                    f"{100 * cell['top1']:.1f} ({100 * (cell['top1'] - cell['float']):+.1f})")
                shown += [accuracy, f"{100 * cell['agreement']:.1f}", f"{cell['sqnr_db']:.2f}", f"{cell['kl']:.4f}"]
            paper = network.paper.get(row["method"]) if row["scheme"] == "tensor, symmetric" else None
            shown += [f"{cells['seconds']:.1f}" if "seconds" in cells else "", "" if paper is None else f"{paper:+.2f}"]
            lines.append("| " + " | ".join(shown) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared/models")
    parser.add_argument("--images", type=pathlib.Path, default=ROOT.parent / "shared/images")
    parser.add_argument("--only", default="")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks")
    arguments = parser.parse_args()
    if not (arguments.images / "calibration").is_dir():
        print(f"SKIPPED: {arguments.images}/calibration is absent")
        return
    arguments.out.mkdir(exist_ok=True)
    kept = arguments.out / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    images = Images(arguments.images)
    with tempfile.TemporaryDirectory(prefix="counterbias-reproduce-") as name:
        for network in NETWORKS:
            model = arguments.models / f"{network.file}.onnx"
            if arguments.only not in network.title:
                continue
            if not model.exists():
                print(f"{network.title}: awaits {model}", flush=True)
                continue
            results[network.title] = []
            for scheme, method, cells in rows(
                    arguments.binary.resolve(), network, model, images, pathlib.Path(name), not arguments.without_peers):
                results[network.title].append({"scheme": scheme, "method": method, "cells": cells})
                shown = cells.get("evaluation", cells)
                print(f"{network.title:28} {scheme:20} {method:34} "
                      + " ".join(f"{k} {v:.4f}" for k, v in shown.items() if isinstance(v, float)), flush=True)
                kept.write_text(json.dumps(results, indent=1) + "\n")
                (arguments.out / "RESULTS.md").write_text(table(results))


if __name__ == "__main__":
    sys.exit(main())
