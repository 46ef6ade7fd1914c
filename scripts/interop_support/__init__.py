"""Shared by the scripts that compare Counterbias with ONNX Runtime."""
