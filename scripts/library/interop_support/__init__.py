# SPDX-License-Identifier: Apache-2.0
"""Shared by the scripts that compare Counterbias with ONNX Runtime."""
