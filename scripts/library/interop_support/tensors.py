# SPDX-License-Identifier: Apache-2.0
"""Safetensors files, as traces are stored: reading and writing without another dependency."""

import json
import struct

import numpy as np

TYPES = {"F32": np.float32, "F64": np.float64, "U8": np.uint8, "I8": np.int8, "I32": np.int32,
         "I64": np.int64}


def is_map(traced, extents):
    """Whether what a trace has as [N, H, W, C] is a feature map, [N, C, H, W] in the file; where
    all three are equal it is."""
    return len(traced) == 4 and tuple(extents) == (traced[0], traced[3], *traced[1:3])


def in_file_order(traced, extents):
    """A traced tensor as it lies in the file, where it has these extents."""
    if is_map(traced.shape, extents):
        traced = np.ascontiguousarray(traced.transpose(0, 3, 1, 2))
    return traced.reshape(extents)


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    body = memoryview(data)[8 + size:]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def save(path, tensors):
    names = {np.dtype(value): key for key, value in TYPES.items()}
    header, parts, offset = {}, [], 0
    for name, array in sorted(tensors.items()):
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        parts.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
