#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Results table of all networks and methods; scripts/reproduce describes it."""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
# No option at all, and of the preset what the images need alone.
DEFAULT = "default"
# The methods alone; presets may have ranges and scales by search, and equalization, and int8
# weights are kept from saturating.
SCALES = ["--weight-scale", "minmax", "--range", "minmax", "--weight-saturation", "allow"]
PLAIN = [*SCALES, "--equalize", "none"]
# The paper's equalization (arXiv 1902.01917) in front of each method.
ONE_STEP = [*SCALES, "--equalize", "one-step"]
FEW = ["--ibc-images", "8"]
TENSOR = ["--granularity", "tensor", "--weights", "asymmetric"]
SYMMETRIC = ["--granularity", "tensor", "--weights", "symmetric"]
CHANNEL = ["--granularity", "channel", "--weights", "symmetric"]
OUTPUT_MSE = ["--weight-scale", "output-mse"]
OTHERS = "its own"
SCHEMES = {
    "tensor, asymmetric": TENSOR,
    "tensor, symmetric": SYMMETRIC,
    "channel, symmetric": CHANNEL,
}
METHODS = {
    "naive, dead channels kept": [*PLAIN, "--method", "none", "--keep-dead-channels"],
    "naive": [*PLAIN, "--method", "none"],
    "IBC, 8 images": [*PLAIN, *FEW, "--method", "ibc"],
    "IBC, 64 images": [*PLAIN, "--method", "ibc", "--ibc-images", "64"],
    "BFT": [*PLAIN, "--method", "bft"],
    "IBC + BFT": [*PLAIN, *FEW, "--method", "ibc,bft"],
    "one-step + IBC, 8 images": [*ONE_STEP, *FEW, "--method", "ibc"],
    "one-step + BFT": [*ONE_STEP, "--method", "bft"],
    "one-step + IBC + BFT": [*ONE_STEP, *FEW, "--method", "ibc,bft"],
    "preset, IBC": ["--method", "ibc"],
    "preset, BFT": ["--method", "bft"],
    "preset, IBC + BFT": ["--method", "ibc,bft"],
}
# With a scale per channel alone: few images with logits left float, as NNCF leaves them; and
# weights of fewer bits.
CHANNEL_METHODS = {
    DEFAULT: [],
    "preset, IBC, 64 images, float logits": [
        "--method",
        "ibc",
        "--ibc-images",
        "64",
        "--float-output",
    ],
    **{
        f"{name}, {bits} bits": [*PLAIN, *FEW, "--method", method, "--bits", str(bits)]
        for bits in (6, 4)
        for name, method in (("naive", "none"), ("IBC, 8 images", "ibc"))
    },
}


@dataclasses.dataclass
class Network:
    title: str
    file: str
    preset: str
    # The paper's top-1 minus float: plain 8 bits, IBC on 8 images, BFT on 1,000 (arXiv 1906.03193).
    paper: dict = dataclasses.field(default_factory=dict)
    is_labelled: bool = True
    # What the preset says for one scale per tensor in its comment.
    tensor_preset: list = dataclasses.field(default_factory=list)


NETWORKS = [
    Network(
        "MobileNet-v1 1.0",
        "mobilenet_v1_1.0_224",
        "mobilenet-v1",
        {"naive": -7.9, "IBC, 8 images": -1.0, "BFT": -1.03},
    ),
    Network(
        "MobileNet-v2 1.0",
        "mobilenet_v2_1.0_224",
        "mobilenet-v2",
        {"naive": -16.44, "IBC, 8 images": -1.1, "BFT": -1.2},
        tensor_preset=OUTPUT_MSE,
    ),
    Network(
        "MobileNet-v2 1.4",
        "mobilenet_v2_1.4_224",
        "mobilenet-v2",
        {"naive": -6.42, "BFT": -0.85},
        tensor_preset=OUTPUT_MSE,
    ),
    Network("Inception-v1 (LRN)", "googlenet_bvlc", "inception-v1"),
    Network("Inception-v1 (BatchNorm)", "inception_v1_bn", "inception-v1-bn"),
    Network("ResNet-18", "resnet18", "resnet18"),
    Network("EfficientNet-Lite0", "efficientnet_lite0", "efficientnet-lite0"),
    Network("MobileNet-v3 large", "mobilenet_v3_large", "mobilenet-v3"),
    Network(
        "MobileNet-v2 1.0 160, dogs",
        "mobilenet_v2_1.0_160_dogs",
        "mobilenet-v2-dogs",
        is_labelled=False,
    ),
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
        if name != "validation":
            return preset_path(preset)
        settings = yaml.safe_load(preset_path(preset).read_text())
        settings["preprocessing"]["resize_short_side"] = "none"
        return written(settings, work / f"{preset}-{name}.yaml")


def preset_path(preset):
    return ROOT / f"config/{preset}.yaml"


def written(settings, path):
    path.write_text(yaml.safe_dump(settings))
    return path


def pixels_alone(preset, work):
    """A configuration that says how images become the network's input, and leaves all else to the
    defaults."""
    settings = yaml.safe_load(preset_path(preset).read_text())
    return written({"preprocessing": settings["preprocessing"]}, work / f"{preset}-pixels.yaml")


def command(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr.strip()}")
    return done.stdout


def ours(binary, network, model, images, configuration, flags, work):
    """A cell per image set."""
    out, cells = work / "out", {}
    command(binary, "calibrate", "--quiet", "--config", configuration, "--model", model,
            "--images", images.calibration, "--out", out, *flags)
    for name, (folder, labels) in images.sets.items():
        given = ["--labels", labels] if network.is_labelled else []
        found = json.loads(
            command(
                binary,
                "evaluate",
                "--config",
                images.preset(name, network.preset, work),
                "--model",
                model,
                "--quantized",
                out / "model.int8.onnx",
                "--images",
                folder,
                *given,
                "--json",
            )
        )
        cells[name] = {key: found[key] for key in ("agreement", "sqnr_db", "kl")}
        if network.is_labelled:
            cells[name] |= {"float": found["float"]["top1"], "top1": found["quantized"]["top1"]}
    command("rm", "-rf", out)
    return cells


def theirs(make, count, network, model, images, work):
    from peer_support import comparison, photographs, quantizers
    import onnx

    _, dims = quantizers.input_of(onnx.load(model))
    out, cells = work / "peer.onnx", {}
    preparation = photographs.Preparation(preset_path(network.preset), dims)
    make(model, out, preparation.tensors(images.calibration, count)[1])
    for name, (folder, labels) in images.sets.items():
        preparation = photographs.Preparation(images.preset(name, network.preset, work), dims)
        names, tensors = preparation.tensors(folder)
        right = photographs.labels(
            labels if network.is_labelled else None, names, preparation.offset
        )
        cells[name] = comparison.measure(
            comparison.logits(model, tensors), comparison.logits(out, tensors), right)
    return cells


def rows(binary, network, model, images, work):
    """(scheme, method, what measures its cells) of one network."""
    from peer_support import quantizers

    for scheme, scheme_flags in SCHEMES.items():
        is_channel = scheme_flags is CHANNEL
        for method, flags in (METHODS | (CHANNEL_METHODS if is_channel else {})).items():
            configuration = preset_path(network.preset)
            if method == DEFAULT:
                configuration = pixels_alone(network.preset, work)
            else:
                flags = [*scheme_flags, *([] if is_channel else network.tensor_preset), *flags]
            yield scheme, method, lambda configuration=configuration, flags=flags: ours(
                binary, network, model, images, configuration, flags, work)
    for name, (count, make) in quantizers.PEERS.items():
        yield (
            OTHERS,
            name,
            lambda count=count, make=make: attempt(make, count, network, model, images, work),
        )


def attempt(*arguments):
    """The cells of a peer; one that cannot take a network is a row too."""
    try:
        return theirs(*arguments)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}


def update(found, network_rows, is_wanted):
    """Measures the wanted rows and keeps the others; everything known so far, in order, after each
    of them."""
    known = {(row["scheme"], row["method"]): row for row in found}
    plan = {(scheme, method): measure for scheme, method, measure in network_rows}
    for (scheme, method), measure in plan.items():
        if is_wanted(scheme, method):
            row = known[scheme, method] = {"scheme": scheme, "method": method, "cells": measure()}
            yield row, [known[key] for key in plan if key in known]


# Rows that scripts/benchmarks/default-sessions measures in the runtimes, and where its line of a
# network has them.
IN_SESSIONS = {DEFAULT: slice(1, 4), "NNCF FastBiasCorrection, 64 images": slice(4, 7)}


def table(results, sessions):
    """Markdown of everything measured so far; `sessions` is what
    scripts/benchmarks/default-sessions keeps."""
    lines = [
        "# Results",
        "",
        "Made by `scripts/reproduce`; see there for images and settings. Top-1 in %, in parentheses against float; SQNR of the",
        "logits in dB; KL divergence from the float network's softmax. In default sessions",
        "(`scripts/benchmarks/default-sessions`): SQNR on 16 photographs of `evaluation`, exact, and in ONNX Runtime and OpenVINO on processors with",
        "AVX2 and without VNNI.",
        "",
    ]
    for network in NETWORKS:
        found = results.get(network.title)
        lines += [f"## {network.title}", ""]
        if not found:
            lines += [f"Awaits `{network.file}.onnx` in the models folder.", ""]
            continue
        sets = [n for n in ("evaluation", "validation") if any(n in row["cells"] for row in found)]
        head = [
            "weights",
            "method",
            *(f"{n}: {c}" for n in sets for c in ("top-1", "agrees", "SQNR", "KL")),
            "paper",
            "default sessions",
        ]
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
                shown += [
                    accuracy,
                    f"{100 * cell['agreement']:.1f}",
                    f"{cell['sqnr_db']:.2f}",
                    f"{cell['kl']:.4f}",
                ]
            paper = (
                network.paper.get(row["method"]) if row["scheme"] == "tensor, symmetric" else None
            )
            shown.append("" if paper is None else f"{paper:+.2f}")
            line = sessions.get(network.title, [[]])[0]
            shown.append(
                ", ".join(line[IN_SESSIONS[row["method"]]]) if row["method"] in IN_SESSIONS else ""
            )
            lines.append("| " + " | ".join(shown) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared/models")
    parser.add_argument("--images", type=pathlib.Path, default=ROOT.parent / "shared/images")
    parser.add_argument("--only", default="")
    parser.add_argument("--method", default="")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks")
    arguments = parser.parse_args()
    if not (arguments.images / "calibration").is_dir():
        print(f"SKIPPED: {arguments.images}/calibration is absent")
        return
    arguments.out.mkdir(exist_ok=True)
    kept, measured = arguments.out / "results.json", arguments.out / "default-sessions.json"
    sessions = json.loads(measured.read_text()) if measured.exists() else {}
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
            plan = rows(arguments.binary.resolve(), network, model, images, pathlib.Path(name))
            for row, found in update(
                    results.get(network.title, []), plan,
                    lambda scheme, method: arguments.method in f"{scheme}: {method}"
                    and not (arguments.without_peers and scheme == OTHERS)):
                results[network.title] = found
                shown = row["cells"].get("evaluation", row["cells"])
                print(
                    f"{network.title:28} {row['scheme']:20} {row['method']:34} "
                    + " ".join(f"{k} {v:.4f}" for k, v in shown.items() if isinstance(v, float)),
                    flush=True,
                )
                kept.write_text(json.dumps(results, indent=1) + "\n")
                (arguments.out / "RESULTS.md").write_text(table(results, sessions))


if __name__ == "__main__":
    sys.exit(main())
