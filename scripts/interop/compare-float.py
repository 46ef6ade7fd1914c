#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares float outputs of Counterbias with ONNX Runtime's on the float model.

    compare-float.py MODEL.onnx MODEL.int8.onnx TRACE.safetensors [MODEL EXPORTED TRACE ...]

The trace holds `input` (float, in the model's own layout) and `output_float`, or `output` where the
former is missing; the exported model tells in what order. Exit status 1 where in any output
max |difference| / max |reference| over all images exceeds 1e-4.
"""

import argparse
import sys

from interop_support import floats


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="MODEL EXPORTED TRACE")
    arguments = parser.parse_args()
    if len(arguments.files) % 3:
        parser.error("each model needs its exported form and a trace")
    given = zip(*(arguments.files[first::3] for first in range(3)))
    found = [floats.compare(*paths) for paths in given]
    sys.exit(0 if all(apart <= floats.LIMIT for apart in found) else 1)


if __name__ == "__main__":
    main()
