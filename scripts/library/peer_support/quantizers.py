# SPDX-License-Identifier: Apache-2.0
"""The post-training quantizers compared with, by name: each takes a float model and calibration
tensors."""

import logging
import tempfile

import onnx
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

BATCH_NORM_FREE_OPSET = 13


def input_of(proto):
    """Name and extents of the network's input; a free batch is 1."""
    constants = {t.name for t in proto.graph.initializer}
    given = next(i for i in proto.graph.input if i.name not in constants)
    dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
    return given.name, [dims[0] or 1, *dims[1:]]


class Reader(quantization.CalibrationDataReader):
    def __init__(self, name, tensors):
        self.rest = iter([{name: t} for t in tensors])

    def get_next(self):
        return next(self.rest, None)


def onnx_runtime(path, out, tensors, per_channel):
    """quantize_static, QDQ, ranges by minimum and maximum; int8 weights per channel or uint8 per
    tensor."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = f"{folder}/prepared.onnx"
        shape_inference.quant_pre_process(str(path), prepared, skip_symbolic_shape=True)
        name, _ = input_of(onnx.load(prepared))
        kinds = quantization.QuantType
        quantization.quantize_static(
            prepared, str(out), Reader(name, tensors), quant_format=quantization.QuantFormat.QDQ,
            per_channel=per_channel, activation_type=kinds.QUInt8,
            weight_type=kinds.QInt8 if per_channel else kinds.QUInt8)


def nncf(path, out, tensors, fast):
    """NNCF's defaults for ONNX: int8 weights per channel, then BiasCorrection (or its fast
    form)."""
    import nncf as tool

    logging.getLogger("nncf").setLevel(logging.ERROR)
    proto = onnx.load(path)
    if proto.opset_import[0].version < BATCH_NORM_FREE_OPSET:
        proto = onnx.version_converter.convert_version(proto, BATCH_NORM_FREE_OPSET)
    name, _ = input_of(proto)
    quantized = tool.quantize(
        proto, tool.Dataset([{name: t} for t in tensors]), subset_size=len(tensors),
        fast_bias_correction=fast)
    onnx.save(quantized, out)


PEERS = {
    "ONNX Runtime, per tensor": (64, lambda p, o, t: onnx_runtime(p, o, t, False)),
    "ONNX Runtime, per channel": (64, lambda p, o, t: onnx_runtime(p, o, t, True)),
    "NNCF BiasCorrection, 8 images": (8, lambda p, o, t: nncf(p, o, t, False)),
    "NNCF BiasCorrection, 64 images": (64, lambda p, o, t: nncf(p, o, t, False)),
    "NNCF FastBiasCorrection, 64 images": (64, lambda p, o, t: nncf(p, o, t, True)),
}
