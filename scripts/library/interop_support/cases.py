# SPDX-License-Identifier: Apache-2.0
"""The models and configurations that scripts/interop/check-models goes through."""

import dataclasses
import pathlib
from collections.abc import Callable

import onnx

from . import detector

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"
SKELETONS = ROOT / "Tests/Fixtures/torchvision"
SKELETON_SIZE = 64
SEED = 20190607

GENERATED = """\
preprocessing:
  resize_short_side: none
  mean: [123.675, 116.28, 103.53]
  std: [58.395, 57.12, 57.375]
"""
DOGS = """\
preprocessing:
  mean: [127.5, 127.5, 127.5]
  std: [127.5, 127.5, 127.5]
"""
PER_TENSOR = ("--granularity", "tensor", "--weights", "asymmetric")
PER_CHANNEL = ("--granularity", "channel", "--weights", "symmetric")
UINT8 = (*PER_CHANNEL, "--weight-type", "uint8")
PER_CHANNEL_ASYMMETRIC = ("--granularity", "channel", "--weights", "asymmetric")


@dataclasses.dataclass
class Case:
    name: str
    # Path of a float model, or of a skeleton that is filled first, or a function that makes one.
    model: pathlib.Path | Callable[[], onnx.ModelProto]
    # Folder of images to calibrate with, and to compare on; None: generated ones.
    calibration: pathlib.Path | None
    evaluation: pathlib.Path | None
    # Path of a configuration, or its text.
    configuration: pathlib.Path | str
    weights: str = "uint8, tensor"
    flags: tuple = PER_TENSOR
    # A model that must be refused with this in its message.
    refusal: str | None = None
    # Of the folder; for generated ones there are no more.
    images: int = 8


def example():
    folder = ROOT / "example"
    images = (folder / "calibration", folder / "evaluation")
    config = ROOT / "config/example.yaml"
    text = config.read_text()

    def with_weights(old, new):
        assert text.count(old) == 1, f"{config} has changed"
        return text.replace(old, new)

    model = folder / "digits.onnx"
    bits8 = with_weights("bits: 4 ", "bits: 8 ")
    return [
        Case("example, 4 bits", model, *images, config, "uint4 in uint8, tensor"),
        Case("example, 8 bits", model, *images, bits8),
        Case("example, 8 bits, float output", model, *images,
             bits8.replace("quantized: true ", "quantized: false ")),
        Case("example, 8 bits", model, *images, bits8, "auto, channel", PER_CHANNEL, images=64),
        Case("example, 8 bits", model, *images, bits8, "uint8, channel", PER_CHANNEL_ASYMMETRIC),
        Case("example, 8 bits", model, *images, bits8, "uint8 around 128", UINT8),
    ]


def skeletons():
    found = []
    for path in sorted(SKELETONS.glob("*.onnx")):
        found.append(Case(path.stem, path, None, None, GENERATED))
        if path.stem in ("mobilenet_v2_1.0.legacy-bn", "resnet18.dynamo",
                         "mobilenet_v3_small.legacy"):
            found.append(Case(path.stem, path, None, None, GENERATED, "auto, channel", PER_CHANNEL))
    return found


def detectors():
    def model():
        return detector.make(SKELETON_SIZE, SEED)

    return [
        Case("detector", model, None, None, GENERATED),
        Case("detector", model, None, None, GENERATED, "auto, channel", PER_CHANNEL),
    ]


def shared():
    models, config = SHARED / "models", ROOT / "config"
    images = (SHARED / "images/calibration", SHARED / "images/evaluation")
    chosen = {
        "mobilenet_v1_1.0_224": config / "mobilenet-v1.yaml",
        "mobilenet_v2_1.0_224": config / "mobilenet-v2.yaml",
        "mobilenet_v2_1.0_160_dogs": DOGS,
        "efficientnet_lite0": config / "efficientnet-lite0.yaml",
        "googlenet_bvlc": config / "inception-v1.yaml",
    }
    found = [Case(name, models / f"{name}.onnx", *images, text) for name, text in chosen.items()]
    for name in chosen:
        found.append(Case(name, models / f"{name}.onnx", *images, chosen[name], "auto, channel",
                          PER_CHANNEL, images=64))
    name = "mobilenet_v1_1.0_224"
    found.append(Case(name, models / f"{name}.onnx", *images, chosen[name], "uint8, channel",
                      PER_CHANNEL_ASYMMETRIC))
    # Networks that end in Softmax, by what their pixels are divided by.
    for name, divisor in (("mlperf_resnet8", 1), ("mlperf_vww96", 255)):
        text = f"preprocessing:\n  mean: [0, 0, 0]\n  std: {[divisor] * 3}\n"
        found.append(Case(name, SHARED / f"zoo/{name}.onnx", *images, text))
    found.append(
        Case(
            "mobilenet_v1_0.25_224",
            SHARED / "zoo/mobilenet_v1_0.25_224.onnx",
            *images,
            DOGS,
            "int8, channel",
            PER_CHANNEL,
        )
    )
    return found


def zoo():
    """Networks with operators that the others lack, on few images, for some are large; of no use to
    benchmarks of whole networks, which take those of `shared`."""
    images = (SHARED / "images/calibration", SHARED / "images/evaluation")
    bgr = "  channel_order: bgr\n"
    chosen = {
        # Side, mean, std and order of channels.
        "cifar_resnet20": (32, [125.3, 123, 113.9], [63, 62.1, 66.7], ""),
        "mediapipe_face_detection_short_range": (128, [127.5] * 3, [127.5] * 3, ""),
        "mediapipe_hand_landmark_lite": (224, [0] * 3, [255] * 3, ""),
        "mediapipe_palm_detection_lite": (192, [0] * 3, [255] * 3, ""),
        "minifasnetv2": (80, [0] * 3, [1] * 3, bgr),
        "yolox_nano": (416, [0] * 3, [1] * 3, bgr),
        "yunet_n_320": (320, [0] * 3, [1] * 3, bgr),
    }
    return [
        Case(name, SHARED / f"zoo/{name}.onnx", *images,
             f"preprocessing:\n  mean: {mean}\n  std: {std}\n  resize_short_side: {side}\n{order}",
             weights, flags, images=4)
        for name, (side, mean, std, order) in chosen.items()
        for weights, flags in (("uint8, tensor", PER_TENSOR), ("auto, channel", PER_CHANNEL))
    ]
