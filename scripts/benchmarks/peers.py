#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counterbias beside other tools; scripts/benchmarks/peers describes it."""

import argparse
import importlib
import json
import pathlib
import sys
import tempfile

from interop_support import cases
from peer_support import machine, turns

# Module of peer_support, and what it measures.
PARTS = {
    "float": ("throughput", "images per second, float forward pass, one thread"),
    "integer": ("throughput", "images per second, 8-bit forward pass, one thread"),
    "ibc": ("whole_process", "seconds of whole processes, MobileNet-v1, two cores"),
    "tuning": ("tuning", "training images per second, MobileNet-v1, batch 32, two cores"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, default=cases.ROOT / "benchmarks")
    arguments = parser.parse_args()
    module, title = PARTS[arguments.part]
    binary = arguments.binary.resolve()
    found = {
        "title": title,
        "rounds": arguments.rounds,
        "machine": machine.description(binary),
        "rows": [],
    }
    with tempfile.TemporaryDirectory(prefix="counterbias-benchmark-") as folder:
        rows = getattr(importlib.import_module(f"peer_support.{module}"), f"{arguments.part}_rows")
        for row in rows(binary, pathlib.Path(folder), arguments.rounds, arguments.only):
            found["rows"].append(row.record())
            print(row.line(), flush=True)
    if not (cases.SHARED / "models").is_dir():
        print("SKIPPED: the real networks of ../shared are absent")
    if found["rows"]:
        arguments.out.mkdir(exist_ok=True)
        stem = arguments.out / f"results-{arguments.part}"
        stem.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
        stem.with_suffix(".md").write_text(turns.markdown(found))


if __name__ == "__main__":
    sys.exit(main())
