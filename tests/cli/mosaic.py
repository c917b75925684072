# SPDX-License-Identifier: Apache-2.0
"""A codec of block averages: fast, and nothing like splats. The command line must not be able to tell the difference.

Layer l holds the mean colors of blocks of 4^(layers-1-l) pixels, packed by zlib; a frame needs the same layer of the
frame before it in its group, as P-frames do (it is sent as a difference).
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from lamina.codec import Codec, Progress, StreamInfo
from lamina.codecs.planar.config import PRESETS, configure
from lamina.data import Clip, downsample_area
from lamina.errors import BitstreamError, TargetError
from lamina.units import HEADER_LAYER, Unit, UnitKey

LEAST_BYTES = 60


@dataclass(frozen=True)
class MosaicModel:
    frame: int
    level: int
    level_width: int
    level_height: int
    blocks: np.ndarray


@dataclass(frozen=True)
class MosaicPart:
    header: bytes
    key: tuple[int, int]
    layers: tuple[np.ndarray, ...]
    before: tuple[np.ndarray, ...] | None


def blocks_of(pixels: np.ndarray, block: int) -> np.ndarray:
    height, width = (max(1, -(-side // block)) for side in pixels.shape[:2])
    return np.rint(downsample_area(pixels.astype(np.float32), height, width)).astype(np.uint8)


def fit(signal, config, monitor) -> Iterator[MosaicPart]:
    if config.target.size_bytes is not None and config.target.size_bytes < LEAST_BYTES:
        raise TargetError(f"{config.target.size_bytes} bytes were asked for; the least is {LEAST_BYTES}")
    timed = isinstance(signal, Clip)
    rate = float(signal.frames_per_second) if timed else None
    count = config.layer_count
    header = json.dumps([signal.width, signal.height, count, rate]).encode()
    before = None
    for number, pixels in enumerate(signal.frames() if timed else [signal.pixels]):
        monitor.report(Progress(number / ((signal.frame_count or 10) if timed else 1), f"frame {number}", 30.0))
        group, place = divmod(number, config.group_frames)
        layers = tuple(blocks_of(pixels, 4 ** (count - 1 - layer)) for layer in range(count))
        yield MosaicPart(header, (group, number), layers, before if place else None)
        before = layers


def encode(parts: Iterable[MosaicPart]) -> Iterator[Unit]:
    for group, members in groupby(parts, lambda part: part.key[0]):
        members = list(members)
        if group == 0:
            yield Unit(UnitKey(0, HEADER_LAYER, 0), members[0].header)
        for layer in range(len(members[0].layers)):
            for part in members:
                blocks = part.layers[layer]
                sent = blocks if part.before is None else blocks - part.before[layer]
                yield Unit(UnitKey(group, layer, part.key[1]), zlib.compress(sent.tobytes(), 9), 20.0 + 5 * layer)


def shapes(header: bytes) -> tuple[int, int, list[tuple[int, int, int]]]:
    width, height, count, _ = json.loads(header)
    blocks = [4 ** (count - 1 - layer) for layer in range(count)]
    return width, height, [(max(1, -(-height // block)), max(1, -(-width // block)), 3) for block in blocks]


def walk(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, np.ndarray, tuple[int, int]]]:
    header, known = None, {}
    for unit in units:
        if unit.key.layer == HEADER_LAYER:
            header = unit.payload
            continue
        assert header is not None
        width, height, layer_shapes = shapes(header)
        group, layer, frame = unit.key
        try:
            blocks = np.frombuffer(zlib.decompress(unit.payload), np.uint8).reshape(layer_shapes[layer])
        except (zlib.error, ValueError) as error:
            raise BitstreamError(f"not a mosaic: {error}", str(unit.key)) from error
        if (group, layer, frame - 1) in known:
            blocks = blocks + known.pop((group, layer, frame - 1))
        known[unit.key] = blocks
        yield unit.key, blocks, (width, height)


def decode(units: Iterable[Unit]) -> Iterator[MosaicModel]:
    for key, blocks, (width, height) in walk(units):
        yield MosaicModel(key.frame, key.layer, width, height, blocks)


def render(model: MosaicModel, view=None) -> torch.Tensor:
    width = (view and view.width) or model.level_width
    height = (view and view.height) or model.level_height
    rows = np.arange(height) * model.blocks.shape[0] // height
    columns = np.arange(width) * model.blocks.shape[1] // width
    return torch.from_numpy(model.blocks[rows][:, columns].astype(np.float32) / 255)


def inspect(header: bytes) -> StreamInfo:
    try:
        width, height, count, rate = json.loads(header)
    except ValueError as error:
        raise BitstreamError(f"not a mosaic header: {error}", "header") from error
    return StreamInfo("image" if rate is None else "video", width, height, count, rate, {"profile": "mosaic"})


def breakdown(_header: bytes, unit: Unit) -> dict[str, int]:
    return {"headers" if unit.key.layer == HEADER_LAYER else "colors": len(unit.payload)}


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    for key, blocks, _ in walk(units):
        yield key, b"blocks u1 " + repr(blocks.shape).encode() + blocks.tobytes()


MOSAIC = Codec("mosaic", 99, "none", PRESETS, configure, fit, encode, decode, render, inspect, breakdown, integers)
