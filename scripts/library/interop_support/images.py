# SPDX-License-Identifier: Apache-2.0
"""Reproducible PNG files to run networks on where there are no photographs."""

import struct
import zlib

import numpy as np


def picture(random, size):
    """Waves of several lengths and colours, with noise: smooth areas and edges, all levels."""
    y, x = np.mgrid[0:size, 0:size] / size
    total = np.zeros((size, size, 3))
    for _ in range(6):
        fy, fx, phase = random.uniform(-8, 8, 2).tolist() + [random.uniform(0, 6.3)]
        total += np.sin(6.3 * (fy * y + fx * x) + phase)[..., None] * random.uniform(-1, 1, 3)
    total += random.normal(0, 0.3, total.shape) + random.uniform(-1, 1, 3)
    return np.clip(np.rint(127.5 + 60 * total), 0, 255).astype(np.uint8)


def png(pixels):
    """An 8-bit RGB file."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))


def write(folder, count, size, seed):
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for index in range(count):
        (folder / f"{index:03}.png").write_bytes(png(picture(random, size)))
