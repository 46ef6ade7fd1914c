#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports models with `counterbias` and compares both of its executors with ONNX Runtime.

    check-models.py BINARY [--only TEXT] [--verbose]

scripts/interop/check-models sets up Python and calls this. Per case: `calibrate` with IBC,
`evaluate --trace`, then the 8-bit outputs of every layer (scripts/interop/compare-layers.py) and
the float outputs (scripts/interop/compare-float.py). Models with int8 weights also run in default
sessions of ONNX Runtime and OpenVINO, as on a processor without VNNI. Ends with a table, in which
dB are those of a model's worst output; exit status 1 if any case failed.
"""

import argparse
import contextlib
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import onnx

import onnx_skeleton
from interop_support import cases, ends, floats, images, layers, qdq, sessions, tensors

GENERATED_IMAGES = 8
TRACE_IMAGES = 4
HEADER = ("case", "weights", "8-bit outputs", "identical", "apart", "layer alone", "apart",
          "same class", "float", "dB", "ORT", "OpenVINO", "s", "")


class CommandFailed(Exception):
    pass


def call(arguments, refusal=None):
    """Runs the binary. With `refusal`, it must fail with a message that contains it."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=300)
    message = done.stderr.strip()
    if refusal:
        if done.returncode not in (64, 65, 78) or refusal not in message:
            raise CommandFailed(
                f"expected a refusal naming {refusal}, got {done.returncode}: {message}"
            )
        return message
    if done.returncode:
        raise CommandFailed(f"exit status {done.returncode}: {message}")
    return done.stdout


class Suite:
    def __init__(self, binary, folder, verbose):
        self.binary, self.folder, self.verbose = binary, folder, verbose
        self.generated = folder / "images"
        images.write(self.generated, GENERATED_IMAGES, cases.SKELETON_SIZE, cases.SEED)
        # Models with int8 weights, for default sessions: row of the table, SQNR of exact
        # arithmetic, paths.
        self.signed = []

    def run(self, case):
        """The cells of the case's row, behind its name and weights; and whether it passed."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = pathlib.Path(name)
            begin = time.monotonic()
            try:
                cells, passed = self.judge(case, work)
            except (CommandFailed, SystemExit, subprocess.TimeoutExpired) as error:
                print(f"{case.name}: {error}")
                cells, passed = [""] * 10, False
            seconds = f"{time.monotonic() - begin:.1f}"
            return [*cells, seconds, "ok" if passed else "FAILED"], passed

    def judge(self, case, work):
        model, config = self.prepare(case, work)
        out, trace = work / "out", work / "trace.safetensors"
        calibrate = [
            self.binary,
            "calibrate",
            "--model",
            model,
            "--images",
            case.calibration or self.generated,
            "--out",
            out,
            "--config",
            config,
            "--method",
            "ibc",
            "--limit",
            case.images,
            "--workers",
            2,
            "--quiet",
            *case.flags,
        ]
        if case.refusal:
            print(f"{case.name}: refused as it should be: {call(calibrate, case.refusal)}")
            return [""] * 9 + ["refused"], True
        call(calibrate)
        call([
            self.binary, "evaluate", "--model", model, "--quantized", out / "model.int8.onnx",
            "--images", case.evaluation or self.generated, "--config", config,
            "--limit", TRACE_IMAGES, "--trace", trace, "--trace-images", TRACE_IMAGES, "--json"])
        onnx.checker.check_model(str(out / "model.int8.onnx"), full_check=True)
        return self.compare(case, model, out / "model.int8.onnx", trace)

    def prepare(self, case, work):
        model, config = case.model, case.configuration
        if callable(model):
            model = work / "model.onnx"
            onnx.save(case.model(), model)
        elif model.parent == cases.SKELETONS:
            model = work / "model.onnx"
            onnx.save(onnx_skeleton.fill(onnx.load(case.model), cases.SKELETON_SIZE), model)
        if isinstance(config, str):
            lines = [l for l in config.splitlines() if not l.startswith("  file:")]
            config = work / "config.yaml"
            config.write_text("\n".join(lines) + "\n")
        return model, config

    def compare(self, case, model, exported, trace):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            verdict = layers.compare_trace(
                case.name, qdq.Model(exported), tensors.load(trace),
                layers.parse(["-", "-"] + ([] if self.verbose else ["--quiet"])))
            apart = floats.compare(model, exported, trace)
        passed = verdict.passed and apart <= floats.LIMIT
        if self.verbose or not passed:
            print(printed.getvalue())
        cells = [str(verdict.outputs)]
        for share, most in verdict.tables.values():
            cells += [f"{share * 100:.4f} %", str(most)]
        exact = self.keep(case, exported, tensors.load(trace), verdict.shapes)
        same = "" if verdict.same_class is None else f"{verdict.same_class}/{verdict.images}"
        cells += [same, f"{apart:.1e}", f"{exact:.2f}", "", ""]
        return cells, passed

    def keep(self, case, exported, trace, shapes):
        """The SQNR of exact arithmetic; remembers what a default session could compute
        otherwise."""
        model = onnx.load(exported)
        are_softmax = ends.softmaxes(model)
        references, made = (
            ends.arranged(model, trace, key, shapes) for key in ("output_float", "output"))
        exact = min(sessions.decibels(references, made, are_softmax))
        if qdq.Model(exported).has_int8_weights():
            stem = self.folder / f"signed-{len(self.signed)}"
            shutil.copy(exported, f"{stem}.onnx")
            sessions.save(f"{stem}.npz", trace["input"], references)
            paths = {"model": f"{stem}.onnx", "data": f"{stem}.npz", "softmax": are_softmax}
            self.signed.append((case, exact, paths))
        return exact

    def default_sessions(self):
        """Per case and runtime the SQNR in a default session, and whether it is good enough."""
        found = {}
        for runtime, limit in sessions.RUNTIMES.items():
            values = sessions.measure(runtime, [paths for *_, paths in self.signed], self.folder)
            if values is None:
                print(f"SKIPPED: {runtime} in default sessions (qemu-user is not installed)")
                continue
            for (case, exact, _), sqnrs in zip(self.signed, values):
                if isinstance(sqnrs, str):
                    print(f"{case.name} ({case.weights}) in {runtime}: {sqnrs}")
                    found[id(case), runtime] = (None, False)
                    continue
                found[id(case), runtime] = (min(sqnrs), min(sqnrs) >= exact - limit)
        return found


def table(rows):
    widths = [max(len(row[i]) for row in [HEADER, *rows]) for i in range(len(HEADER))]
    rule = ["-" * width for width in widths]
    for row in [HEADER, rule, *rows]:
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains TEXT")
    parser.add_argument("--verbose", action="store_true", help="a line per layer")
    arguments = parser.parse_args()
    chosen = cases.example() + cases.skeletons() + cases.detectors()
    is_shared = (cases.SHARED / "models").is_dir()
    chosen += cases.shared() + cases.zoo() if is_shared else []
    chosen = [c for c in chosen if arguments.only in c.name]
    rows, failed = [], []
    with tempfile.TemporaryDirectory(prefix="counterbias-interop-") as folder:
        suite = Suite(arguments.binary.resolve(), pathlib.Path(folder), arguments.verbose)
        for case in chosen:
            cells, passed = suite.run(case)
            rows.append([case.name, case.weights, *cells])
            if not passed:
                failed.append(case.name)
            print(f"{case.name} ({case.weights}): {cells[-1]}", flush=True)
        found = suite.default_sessions()
        for case, row in zip(chosen, rows):
            for column, runtime in zip((-4, -3), sessions.RUNTIMES):
                value, passed = found.get((id(case), runtime), (None, True))
                row[column] = "" if value is None else f"{value:.2f}"
                if not passed:
                    row[-1] = "FAILED"
                    failed.append(f"{case.name} ({case.weights}) in {runtime}'s default session")
    print()
    table(rows)
    if not is_shared:
        print("\nSKIPPED: the real networks and photographs of ../shared are absent")
    print(f"\n{len(rows)} cases, {len(failed)} failed" + "".join("\n  " + name for name in failed))
    sys.exit(1 if failed or not rows else 0)


if __name__ == "__main__":
    main()
