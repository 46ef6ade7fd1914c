# SPDX-License-Identifier: Apache-2.0
"""Training images per second of bias fine-tuning: Counterbias with one and two workers, and an
eager PyTorch loop.

MobileNet-v1 (1.0, 224) with made-up weights, batch 32, Adam, distillation from the float logits,
8-bit activations, weights per channel. PyTorch: fake-quantized weights and activations, gradients
of the biases alone, two threads.
"""

import json
import subprocess
import time
import warnings

import numpy as np
import torch
from PIL import Image

from . import turns

BATCH = 32
IMAGES = 192
SIDE = 224
# (output channels, stride) of the depthwise-separable blocks.
BLOCKS = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
]
FLAGS = ["--granularity", "channel", "--weights", "symmetric"]


class Layer(torch.nn.Module):
    """Convolution and ReLU6; quantized, with weights already rounded and a fake-quantized
    output."""

    def __init__(self, channels_in, channels_out, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = torch.nn.Conv2d(
            channels_in, channels_out, kernel, stride, kernel // 2, groups=groups)
        torch.nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        self.quantized = False

    def forward(self, x):
        x = torch.nn.functional.relu6(self.conv(x))
        if self.quantized:
            x = torch.fake_quantize_per_tensor_affine(x, 6 / 255, 0, 0, 255)
        return x

    def quantize(self):
        weight = self.conv.weight.data
        scale = weight.abs().amax((1, 2, 3), keepdim=True) / 127
        self.conv.weight.data = (weight / scale).round() * scale
        self.conv.weight.requires_grad = False
        self.quantized = True


class MobileNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [Layer(3, 32, 3, 2)], 32
        for out, stride in BLOCKS:
            layers += [Layer(channels, channels, 3, stride, channels), Layer(channels, out, 1)]
            channels = out
        self.layers = torch.nn.Sequential(*layers)
        self.head = torch.nn.Linear(channels, 1000)

    def forward(self, x):
        return self.head(self.layers(x).mean((2, 3)))

    def quantize(self):
        for layer in self.layers:
            layer.quantize()
        self.head.weight.requires_grad = False


class Peer:
    """Eager fake-quantized bias-only distillation on two threads."""

    def __init__(self, float_network, images):
        torch.set_num_threads(2)
        self.images = images
        with torch.no_grad():
            self.teacher = torch.cat([float_network(batch) for batch in images.split(BATCH)])
        self.network = MobileNet()
        self.network.load_state_dict(float_network.state_dict())
        self.network.quantize()
        biases = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(biases, lr=1e-4)
        self.epoch(self.images[:BATCH], self.teacher[:BATCH])

    def epoch(self, images, teacher):
        for batch, target in zip(images.split(BATCH), teacher.split(BATCH)):
            self.optimizer.zero_grad()
            loss = torch.nn.functional.kl_div(
                self.network(batch).log_softmax(1), target.log_softmax(1), log_target=True,
                reduction="batchmean")
            loss.backward()
            self.optimizer.step()

    def rate(self):
        begin = time.perf_counter()
        self.epoch(self.images, self.teacher)
        return len(self.images) / (time.perf_counter() - begin)


def write_images(folder, count):
    generator = np.random.default_rng(1)
    pixels = []
    for index in range(count):
        coarse = generator.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.BILINEAR)
        image.save(folder / f"{index:04}.png")
        pixels.append(np.asarray(image))
    stacked = np.stack(pixels).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(stacked.transpose(0, 3, 1, 2).copy())


def ours(binary, folder, workers):
    """Training images per second within the epoch."""
    out = folder / f"out-{workers}"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    done = subprocess.run(
        [str(binary), "calibrate", "--quiet", "--model", str(folder / "model.onnx"), "--images",
         str(folder / "images"), "--config", str(folder / "config.yaml"), "--out", str(out),
         "--workers", str(workers), "--threads", "1", "--method", "bft", "--epochs", "1",
         "--batch", str(BATCH), "--bft-images", str(IMAGES), *FLAGS, "--json"],
        capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"calibrate failed: {done.stderr.strip()}")
    return IMAGES / json.loads(done.stdout)["timings"]["tuning"]


def tuning_rows(binary, folder, rounds, only):
    name = "MobileNet-v1, made up"
    if only not in name:
        return
    torch.manual_seed(1)
    (folder / "images").mkdir()
    images = write_images(folder / "images", IMAGES)
    # Every image trains: a validation pass has no counterpart in the loop compared with.
    (folder / "config.yaml").write_text("bft: { validation: 0, mirror: false }\n")
    network = MobileNet().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (images[:1],), str(folder / "model.onnx"), opset_version=17, dynamo=False)
    peer = Peer(network, images)
    yield turns.Row(name, turns.take({
        turns.US: lambda: ours(binary, folder, 2),
        "Counterbias, 1 worker": lambda: ours(binary, folder, 1),
        "PyTorch": peer.rate,
    }, rounds))
