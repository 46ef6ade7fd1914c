# SPDX-License-Identifier: Apache-2.0
"""Forward passes per second on one thread: `counterbias bench`, ONNX Runtime and OpenVINO."""

import json
import subprocess
import time

import numpy as np
import onnx
import openvino

import onnx_skeleton
from interop_support import cases, images, runtime
from . import turns
from .quantizers import input_of

IMAGES = 4
LEAST_SECONDS = 0.2
CALIBRATION_IMAGES = 8
SKELETON_SIZE = 224
SKELETONS = ("mobilenet_v2_1.4.legacy", "googlenet.legacy", "resnet18.legacy")


def inputs(dims):
    """The images that `counterbias bench` makes: splitmix64 from 0, in NHWC order."""
    if dims[0] != 1:
        raise SystemExit(f"a model with a batch of {dims[0]} cannot be timed image by image")
    is_channels_first = dims[1] <= 4
    _, *rest = dims
    height, width, channels = (*rest[1:], rest[0]) if is_channels_first else rest
    numbers = onnx_skeleton.unit_values(0, IMAGES * height * width * channels)
    made = numbers.astype(np.float32).reshape(IMAGES, 1, height, width, channels)
    made = made.transpose(0, 1, 4, 2, 3) if is_channels_first else made
    return [np.ascontiguousarray(image) for image in made]


class Side:
    """A warm `forward(image)`; a call measures images per second."""

    def __init__(self, forward, tensors):
        self.forward, self.tensors, self.count = forward, tensors, 1
        while self.seconds() < LEAST_SECONDS:
            self.count *= 2

    def seconds(self):
        begin = time.perf_counter()
        for index in range(self.count):
            self.forward(self.tensors[index % IMAGES])
        return time.perf_counter() - begin

    def __call__(self):
        return self.count / self.seconds()


def onnx_runtime(proto):
    name, dims = input_of(proto)
    session = runtime.session(proto, "default")
    return Side(lambda image: session.run(None, {name: image}), inputs(dims))


def open_vino(proto):
    _, dims = input_of(proto)
    core = openvino.Core()
    model = core.read_model(proto.SerializeToString())
    model.reshape(dims)
    # Float as Float: the default is bfloat16 where the processor has it.
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return Side(
        lambda image: request.infer([image], share_inputs=True, share_outputs=True), inputs(dims)
    )


def ours(binary, model, executor):
    """Images per second of one short run."""
    done = subprocess.run(
        [
            str(binary),
            "bench",
            "--model",
            str(model),
            "--threads",
            "1",
            "--repetitions",
            "1",
            "--json",
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{model}: {done.stderr.strip()}")
    return json.loads(done.stdout)[executor]["images_per_second"]


def networks(folder):
    """A case per network; its model is filled."""
    names = set()
    for case in cases.shared() if (cases.SHARED / "models").is_dir() else []:
        if not case.refusal and case.name not in names:
            names.add(case.name)
            yield case
    made = folder / "images"
    images.write(made, CALIBRATION_IMAGES, SKELETON_SIZE, cases.SEED)
    for name in SKELETONS:
        path = folder / f"{name}.onnx"
        onnx.save(onnx_skeleton.fill(onnx.load(cases.SKELETONS / path.name), SKELETON_SIZE), path)
        yield cases.Case(name, path, made, None, cases.GENERATED)


def export(binary, case, flags, folder):
    """The 8-bit model that `calibrate` writes, biases as rounded."""
    folder.mkdir()
    configuration = case.configuration
    if isinstance(configuration, str):
        configuration = folder / "configuration.yaml"
        configuration.write_text(case.configuration)
    done = subprocess.run(
        [binary, "calibrate", "--model", case.model, "--images", case.calibration, "--out",
         folder / "job", "--config", configuration, "--method", "none", "--limit",
         str(CALIBRATION_IMAGES), "--range-images", str(CALIBRATION_IMAGES), *flags],
        capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr.strip()}")
    return onnx.load(folder / "job/model.int8.onnx")


def float_rows(binary, folder, rounds, only):
    for case in networks(folder):
        if only not in case.name:
            continue
        proto = onnx.load(case.model)
        yield turns.Row(case.name, turns.take({
            turns.US: lambda: ours(binary, case.model, "float"),
            "ONNX Runtime": onnx_runtime(proto),
            "OpenVINO": open_vino(proto),
        }, rounds))


def integer_rows(binary, folder, rounds, only):
    for case in networks(folder):
        if only not in case.name:
            continue
        per_tensor = export(binary, case, cases.PER_TENSOR, folder / f"{case.name}-tensor")
        per_channel = export(binary, case, cases.PER_CHANNEL, folder / f"{case.name}-channel")
        yield turns.Row(case.name, turns.take({
            turns.US: lambda: ours(binary, case.model, "integer"),
            "ONNX Runtime, uint8": onnx_runtime(per_tensor),
            "ONNX Runtime, int8": onnx_runtime(per_channel),
            "OpenVINO, int8": open_vino(per_channel),
        }, rounds))
