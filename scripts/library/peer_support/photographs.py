# SPDX-License-Identifier: Apache-2.0
"""Photographs as Counterbias prepares them, with Pillow: the same pixels (Sources/Imaging gives
Pillow's bits)."""

import csv
import pathlib

import numpy as np
import yaml
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


class Preparation:
    """The `preprocessing` section of a configuration file, for a network input of `dims`, batch
    first."""

    def __init__(self, configuration, dims):
        settings = yaml.safe_load(pathlib.Path(configuration).read_text())
        self.offset = (settings.get("labels") or {}).get("offset", 0)
        chosen = settings["preprocessing"]
        self.channels_first = dims[1] in (1, 3)
        self.crop = dims[2] if self.channels_first else dims[1]
        side = chosen.get("resize_short_side", "derived")
        self.side = (
            round(self.crop / 0.875) if side == "derived" else None if side == "none" else side
        )
        self.is_rounded = chosen.get("geometry", "torchvision") == "rounded"
        self.filter = FILTERS[chosen.get("interpolation", "bilinear")]
        self.is_bgr = chosen.get("channel_order", "rgb") == "bgr"
        self.mean = np.array(chosen["mean"], np.float32)
        self.std = np.array(chosen["std"], np.float32)

    def tensor(self, path):
        image = Image.open(path).convert("RGB")
        if self.side:
            image = image.resize(
                [self.resized(e, min(image.size)) for e in image.size], self.filter
            )
        left, top = (self.margin(extent) for extent in image.size)
        pixels = np.asarray(image.crop((left, top, left + self.crop, top + self.crop)), np.float32)
        values = ((pixels[..., ::-1] if self.is_bgr else pixels) - self.mean) / self.std
        return np.ascontiguousarray(values.transpose(2, 0, 1) if self.channels_first else values)[
            None
        ]

    def resized(self, extent, short):
        """As torchvision's Resize, or rounded to the nearest."""
        if self.is_rounded:
            return max(self.side, round(extent * (self.side / short)))
        return int(self.side * extent / short)

    def margin(self, extent):
        """In front of the crop: as torchvision's CenterCrop, or cut off."""
        spare = extent - self.crop
        return spare // 2 if self.is_rounded else round(spare / 2)

    def tensors(self, folder, limit=None):
        """(names, tensors) of a folder's first images in sorted order."""
        files = sorted(p for p in pathlib.Path(folder).iterdir() if p.is_file())[:limit]
        return [f.name for f in files], [self.tensor(f) for f in files]


def labels(path, names, offset):
    """Right logit of every image, or None where there is no table."""
    if path is None:
        return None
    with open(path, newline="") as file:
        table = {row["file"]: int(row["class_index"]) for row in csv.DictReader(file)}
    return np.array([table[name] for name in names]) + offset
