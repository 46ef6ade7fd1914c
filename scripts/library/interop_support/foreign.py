# SPDX-License-Identifier: Apache-2.0
"""The quantizers of ONNX Runtime and NNCF, as their documentation tells to use them."""

import logging
import tempfile

import nncf
import onnx
from nncf.quantization.advanced_parameters import (
    AdvancedQuantizationParameters,
    QuantizationParameters,
)
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

U8, S8 = QuantType.QUInt8, QuantType.QInt8
# NNCF gives the inputs of depthwise convolutions one scale per channel, which runtimes do not fuse.
PER_TENSOR = QuantizationParameters(per_channel=False)


class Reader(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def prepared(model):
    """BatchNormalization folded."""
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/float.onnx")
        quant_pre_process(f"{folder}/float.onnx", f"{folder}/folded.onnx", skip_symbolic_shape=True)
        return onnx.load(f"{folder}/folded.onnx")


def by_onnxruntime(model, feeds, **options):
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/float.onnx", f"{folder}/int8.onnx"
        onnx.save(model, source)
        quantize_static(source, target, Reader(feeds), quant_format=QuantFormat.QDQ, **options)
        return onnx.load(target)


def by_nncf(model, feeds, per_channel=True, **options):
    """`per_channel` is about weights."""
    logging.getLogger("nncf").setLevel(logging.ERROR)
    given = dict(activations_quantization_params=PER_TENSOR)
    if not per_channel:
        given["weights_quantization_params"] = PER_TENSOR
    options.setdefault("advanced_parameters", AdvancedQuantizationParameters(**given))
    return nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds), **options)


def usual():
    """Name, quantizer and options that a user would choose."""
    yield "ort-tensor", by_onnxruntime, dict(activation_type=U8, weight_type=U8)
    yield "ort-channel", by_onnxruntime, dict(activation_type=U8, weight_type=S8, per_channel=True)
    yield "nncf-tensor", by_nncf, dict(preset=nncf.QuantizationPreset.MIXED, per_channel=False)
    yield "nncf-channel", by_nncf, dict(preset=nncf.QuantizationPreset.MIXED)
