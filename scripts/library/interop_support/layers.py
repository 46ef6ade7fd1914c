# SPDX-License-Identifier: Apache-2.0
"""Compares the 8-bit outputs of every layer of an exported QDQ model with ONNX Runtime's.

    scripts/interop/compare-layers.py MODEL.int8.onnx TRACE.safetensors [MODEL TRACE ...]

The trace is written by `counterbias evaluate --trace FILE.safetensors`: `input` (float, in the
model's own layout), `<tensor>_quantized` for each value (uint8 or int8, [N, H, W, C]) and `output`
(float, all outputs one after the other). uint8 entries of an int8 tensor are taken as stored 128
higher.

Two comparisons are made. End to end, ONNX Runtime gets the images, so a difference of one in a
layer spreads to those behind it. Layer by layer, it gets our 8-bit inputs. Both are judged, unless
--mode chooses one; end to end only the class where the model has LRN, which is float in ONNX
Runtime and whose last bits are not defined. Exit status 1: a layer with less than 99.9 % identical
outputs, an output of the model with less than that, a difference above 1, or another class with the
highest logit on some image (unless that is a tie in the logits).

With int8 weights, ONNX Runtime adds pairs of products in 16 bits on x86 CPUs without VNNI and
saturates; the session option session.x64quantprecision=1 avoids it, and is set for such models
unless
--precision says otherwise.
"""

import argparse
import dataclasses
import sys

import numpy as np

from . import ends, qdq, runtime, tensors

LEAST_SHARE = 0.999
# Of the largest value, for outputs that are identical but for rounding in Float.
EQUAL = 1e-5


def in_layout(traced, like):
    """Our tensor in the shape and type of ONNX Runtime's."""
    return tensors.in_file_order(as_type(traced, like.dtype), like.shape)


def as_type(traced, dtype):
    if dtype == np.int8 and traced.dtype == np.uint8:
        return (traced.astype(np.int16) - 128).astype(np.int8)
    return traced.astype(dtype)


def difference(ours, theirs):
    apart = np.abs(ours.astype(np.int32) - theirs.astype(np.int32))
    return float((apart == 0).mean()), int(apart.max())


def same_class(ours, theirs):
    """Per image: equal argmax, or a tie at the top on one side."""
    ours, theirs = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    rows = np.arange(len(ours))
    return ((theirs[rows, ours.argmax(1)] == theirs.max(1))
            | (ours[rows, theirs.argmax(1)] == ours.max(1)))


class Comparison:
    def __init__(self, model, trace, mode):
        self.model, self.trace, self.mode = model, trace, mode
        self.names = [n for n in model.quantized() if n in trace]
        missing = [k for k in trace if k.endswith("_quantized") and k not in self.names]
        missing += [n for n in model.quantized()
                    if n not in trace and model.operator(n) not in qdq.VIEWS]
        if missing or not self.names:
            raise SystemExit(
                f"the trace does not belong to the model: {missing[:3] or 'no tensors'}"
            )
        self.extents = {}

    def end_to_end(self):
        exposed = self.model.with_outputs(self.names)
        self.counts = runtime.operators(exposed, self.mode)
        made = runtime.session(exposed, self.mode)
        found = runtime.run(made, {self.model.input.name: self.trace["input"]}, self.model.batch)
        self.extents = {name: found[name].shape for name in self.names}
        plain = runtime.session(self.model.proto, self.mode)
        output = runtime.run(plain, {self.model.input.name: self.trace["input"]}, self.model.batch)
        self.outputs = [output[name] for name in self.model.outputs]
        return {n: difference(in_layout(self.trace[n], found[n]), found[n]) for n in self.names}

    def layer_by_layer(self):
        rows = {}
        for name in self.names:
            layer, inputs = self.model.layer(name, self.extents)
            feeds = {}
            for given in inputs:
                if given == self.model.input.name:
                    feeds[given] = self.trace["input"]
                    continue
                kind = np.int8 if self.model.element_type(given) == 3 else np.uint8
                x = as_type(self.trace[given], kind)
                feeds[given] = tensors.in_file_order(x, self.extents[given])
            found = runtime.run(runtime.session(layer, self.mode), feeds, self.model.batch)[name]
            rows[name] = difference(in_layout(self.trace[name], found), found)
        return rows


def judge(rows):
    return [n for n, (share, apart) in rows.items() if share < LEAST_SHARE or apart > 1]


def describe(counts):
    fused = {k: v for k, v in sorted(counts.items()) if k.startswith(runtime.FUSED)}
    left = {k: counts[k] for k in ("Conv", "FusedConv", "Gemm", "FusedGemm") if counts[k]}
    return f"fused operators {fused or 'none'}; left in float {left or 'none'}"


def report(path, comparison, tables, quiet):
    model = comparison.model
    whole = describe(runtime.operators(model.proto, comparison.mode))
    exposed = describe(comparison.counts)
    print(f"{path}: {runtime.MODES[comparison.mode]}")
    print(f"  {whole}")
    if exposed != whole:
        print(f"  with 8-bit tensors as outputs: {exposed}")
    if not quiet:
        print(f"  {'tensor':44} {'operator':18} {'outputs':>9}"
              + "".join(f" {t:>14} {'max':>4}" for t in tables))
        for name in comparison.names:
            cells = "".join(f" {rows[name][0] * 100:13.4f}% {rows[name][1]:4d}"
                            for rows in tables.values())
            print(
                f"  {name[-44:]:44} {model.operator(name):18} {comparison.trace[name].size:9d}{cells}"
            )


@dataclasses.dataclass
class Verdict:
    """What was found on one model."""

    outputs: int
    # Title of a comparison -> lowest share of identical outputs over the layers, largest
    # difference.
    tables: dict
    # Images whose classes are the same in all outputs that have any; None where none has.
    same_class: int | None
    images: int
    # Of the outputs, all images together.
    shapes: list
    passed: bool


def compare(path, trace_path, arguments):
    return compare_trace(path, qdq.Model(path), tensors.load(trace_path), arguments)


def compare_trace(path, model, trace, arguments):
    mode = arguments.precision
    if mode == "auto":
        mode = "precise" if model.has_int8_weights() else "default"
    comparison = Comparison(model, trace, mode)
    tables = {"end to end": comparison.end_to_end()}
    if arguments.mode != "end-to-end":
        tables["layer alone"] = comparison.layer_by_layer()
    if arguments.mode == "per-layer":
        del tables["end to end"]
    report(path, comparison, tables, arguments.quiet)
    shapes = [values.shape for values in comparison.outputs]
    verdict = Verdict(sum(trace[n].size for n in comparison.names), {}, None,
                      len(trace["output"]), shapes, True)
    for title, rows in tables.items():
        bad = [] if title == "end to end" and model.has("LRN") else judge(rows)
        worst = min(share for share, _ in rows.values())
        most = max(apart for _, apart in rows.values())
        print(f"  {title}: lowest share identical {worst * 100:.4f} %, largest difference {most}: "
              + ("ok" if not bad else "FAILED at " + ", ".join(bad[:5])))
        verdict.tables[title] = (worst, most)
        verdict.passed &= not bad
    judge_outputs(ends.arranged(model.proto, trace, "output", shapes), comparison, verdict)
    return verdict


def judge_outputs(ours, comparison, verdict):
    """Compares the float outputs, and the classes of those that are one vector per image."""
    equal = np.ones(verdict.images, bool)
    has_classes = False
    for name, mine, theirs in zip(comparison.model.outputs, ours, comparison.outputs):
        apart = np.abs(mine.astype(np.float64) - theirs) / (np.abs(theirs).max() or 1)
        share = float((apart <= EQUAL).mean())
        is_equal = share >= LEAST_SHARE or comparison.model.has("LRN")
        verdict.passed &= is_equal
        print(f"  float output {name}: {share * 100:.4f} % identical, largest difference "
              f"{apart.max():.2e} of the largest value: " + ("ok" if is_equal else "FAILED"))
        if theirs[0].size > 1 and theirs[0].size == max(theirs.shape[1:]):
            has_classes = True
            equal &= same_class(mine, theirs)
    if not has_classes:
        return
    verdict.same_class = int(equal.sum())
    verdict.passed &= bool(equal.all())
    print(f"  same class on {verdict.same_class} of {len(equal)} images: "
          + ("ok" if equal.all() else f"FAILED at image {int(np.argmin(equal))}"))


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="MODEL TRACE")
    parser.add_argument("--mode", choices=["both", "end-to-end", "per-layer"], default="both")
    parser.add_argument("--per-layer", dest="mode", action="store_const", const="per-layer")
    parser.add_argument("--precision", choices=["auto", *runtime.MODES], default="auto")
    parser.add_argument("--quiet", action="store_true", help="no table of layers")
    parsed = parser.parse_args(arguments)
    if len(parsed.files) % 2:
        parser.error("each model needs a trace")
    return parsed


def main():
    arguments = parse()
    pairs = zip(arguments.files[::2], arguments.files[1::2])
    results = [compare(model, trace, arguments) for model, trace in pairs]
    sys.exit(0 if all(r.passed for r in results) else 1)
