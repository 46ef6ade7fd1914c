#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares float logits of Counterbias with ONNX Runtime's on the float model.

    compare-float.py MODEL.onnx TRACE.safetensors [MODEL TRACE ...]

The trace holds `input` (float, in the model's own layout) and `output_float`, or `output` where the
former is missing. Exit status 1 where max |difference| / max |reference| over all images exceeds
1e-4.
"""

import argparse
import sys

from interop_support import floats


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="MODEL TRACE")
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("each model needs a trace")
    pairs = zip(arguments.files[::2], arguments.files[1::2])
    found = [floats.compare(model, trace) for model, trace in pairs]
    sys.exit(0 if all(apart <= floats.LIMIT for apart in found) else 1)


if __name__ == "__main__":
    main()
