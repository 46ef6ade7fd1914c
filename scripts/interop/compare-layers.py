#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares an exported QDQ model with ONNX Runtime layer by layer; --help says how."""

from interop_support import layers

if __name__ == "__main__":
    layers.main()
