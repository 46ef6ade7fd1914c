#!/usr/bin/env python3
"""Training throughput of Counterbias and of a PyTorch loop; scripts/benchmark-tuning describes it."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import torch
from PIL import Image

BATCH = 32
SIDE = 224
# (output channels, stride) of the depthwise-separable blocks.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
FLAGS = ["--granularity", "channel", "--weights", "symmetric"]


class Layer(torch.nn.Module):
    """Convolution and ReLU6; quantized, with weights already rounded and a fake-quantized output."""

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


def ours(binary, folder, workers, count):
    """Training images per second within the epoch, and the coordinator's share of the time of two cores."""
    out = folder / f"out-{workers}"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    done = subprocess.run(
        [str(binary), "calibrate", "--quiet", "--model", str(folder / "model.onnx"), "--images",
         str(folder / "images"), "--config", str(folder / "config.yaml"), "--out", str(out),
         "--workers", str(workers), "--threads", "1", "--method", "bft", "--epochs", "1",
         "--batch", str(BATCH), "--bft-images", str(count), *FLAGS, "--json"],
        capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"calibrate failed: {done.stderr.strip()}")
    timings = json.loads(done.stdout)["timings"]
    return count / timings["tuning"], timings["tuningProcessor"] / (2 * timings["tuning"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=128)
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory(prefix="counterbias-benchmark-") as name:
        folder = pathlib.Path(name)
        (folder / "images").mkdir()
        images = write_images(folder / "images", arguments.images)
        # Every image trains: a validation pass has no counterpart in the loop compared with.
        (folder / "config.yaml").write_text("bft: { validation: 0, mirror: false }\n")
        network = MobileNet().eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, (images[:1],), str(folder / "model.onnx"), opset_version=17, dynamo=False)
        peer = Peer(network, images)
        print(f"training images per second, MobileNet-v1, batch {BATCH}; PyTorch {torch.__version__}\n")
        row = "{:>6} {:>16} {:>16} {:>16} {:>9} {:>9} {:>12}"
        print(row.format("round", "2 workers", "1 worker", "PyTorch", "ratio", "2 against 1", "coordinator"))
        found = []
        for index in range(arguments.rounds):
            two, share = ours(binary, folder, 2, arguments.images)
            theirs = peer.rate()
            one, _ = ours(binary, folder, 1, arguments.images)
            found.append((two, one, theirs, two / theirs, two / one, share))
            print(row.format(index + 1, *(f"{v:.1f}" for v in found[-1][:3]),
                             f"{two / theirs:.2f}", f"{two / one:.2f}", f"{100 * share:.1f} %"), flush=True)
        medians = [statistics.median(column) for column in zip(*found)]
        print(row.format("median", *(f"{v:.1f}" for v in medians[:3]), f"{medians[3]:.2f}",
                         f"{medians[4]:.2f}", f"{100 * medians[5]:.1f} %"))


if __name__ == "__main__":
    sys.exit(main())
