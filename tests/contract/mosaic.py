# SPDX-License-Identifier: Apache-2.0
"""A codec of block averages, for pictures and clips: fast, and nothing like splats. No tool can tell the difference.

Layer l holds the mean colors of blocks of 4^(layers-1-l) pixels, packed by zlib; a frame needs the same layer of the
frame before it in its group, as P-frames do (it is sent as a difference).
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby

import numpy as np
import torch

from lamina.codec import Choices, Codec, Progress, Session, Size, StreamInfo, preset_of
from lamina.data import downsample_area
from lamina.errors import BitstreamError, TargetError
from lamina.fitting.resume import after_whole_groups, is_whole
from lamina.units import STREAM_HEADER, Unit, UnitKey

LEAST_BYTES = 60


@dataclass(frozen=True)
class Work:
    """A part of a configuration."""

    steps: int = 3
    """Reports a frame."""


@dataclass(frozen=True)
class MosaicConfig:
    """Configuration of one encode."""

    level_count: int = 3
    """Layers."""
    size_bytes: int | None = None
    """Refused when it is very small, else not looked at."""
    bits_per_pixel: float | None = None
    """Not looked at."""
    group_frames: int = 64
    """At most so many frames a group."""
    seed: int = 1
    """Of nothing: block averages are not random."""
    shares: tuple[float, ...] = (0.5, 0.5)
    """Of nothing, too."""
    work: Work = field(default_factory=Work)

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= 8:
            raise ValueError(f"level_count is {self.level_count}, expected 1...8")
        if min(self.shares) <= 0:
            raise ValueError(f"every layer needs a positive share, got {self.shares}")


PRESETS = {"default": MosaicConfig(), "fast": MosaicConfig(level_count=3), "paper": MosaicConfig()}


def configure(choices: Choices) -> MosaicConfig:
    config = preset_of(PRESETS, choices.preset)
    if choices.level_count is not None:
        config = replace(config, level_count=choices.level_count)
    if choices.target is not None and choices.target.kind == "size_bytes":
        config = replace(config, size_bytes=round(choices.target.value))
    elif choices.target is not None:
        config = replace(config, bits_per_pixel=choices.target.value)
    return config


@dataclass(frozen=True)
class MosaicModel:
    frame: int
    level: int
    view: Size
    blocks: np.ndarray
    cameras: tuple[()] = ()

    @property
    def counts(self) -> dict[str, int]:
        return {"blocks": self.blocks.shape[0] * self.blocks.shape[1]}


@dataclass(frozen=True)
class MosaicPart:
    header: bytes
    key: tuple[int, int]
    layers: tuple[np.ndarray, ...]
    before: tuple[np.ndarray, ...] | None


def blocks_of(pixels: np.ndarray, block: int) -> np.ndarray:
    height, width = (max(1, -(-side // block)) for side in pixels.shape[:2])
    return np.rint(downsample_area(pixels.astype(np.float32), height, width)).astype(np.uint8)


def fit(signal, config: MosaicConfig, session: Session) -> Iterator[MosaicPart]:
    if config.size_bytes is not None and config.size_bytes < LEAST_BYTES:
        raise TargetError(f"{config.size_bytes} bytes were asked for; the least is {LEAST_BYTES}")
    timed = signal.medium == "clip"
    rate = str(signal.frames_per_second) if timed else None
    count = config.level_count
    header = json.dumps([signal.width, signal.height, count, rate]).encode()
    if not timed and is_whole(session.written, count):
        return
    point = after_whole_groups(session.written, count)
    before = None
    frames = signal.frames(point.frame) if timed else [signal.pixels]
    for number, pixels in enumerate(frames, start=point.frame):
        for step in range(config.work.steps):
            done = (number + step / config.work.steps) / (signal.frame_count or 10)
            session.report(Progress(done, f"frame {number}", 30.0))
        group, place = divmod(number, config.group_frames)
        layers = tuple(blocks_of(pixels, 4 ** (count - 1 - layer)) for layer in range(count))
        yield MosaicPart(header, (group, number), layers, before if place else None)
        before = layers


def encode(parts: Iterable[MosaicPart]) -> Iterator[Unit]:
    for group, members in groupby(parts, lambda part: part.key[0]):
        members = list(members)
        if members[0].key == (0, 0):
            yield Unit(STREAM_HEADER, members[0].header)
        for layer in range(len(members[0].layers)):
            for part in members:
                blocks = part.layers[layer]
                sent = blocks if part.before is None else blocks - part.before[layer]
                yield Unit(UnitKey(group, layer, part.key[1]), zlib.compress(sent.tobytes(), 9), 20.0 + 5 * layer)


def shapes(header: bytes) -> tuple[int, int, list[tuple[int, int, int]]]:
    info = inspect(header)
    width, height, count = info.width, info.height, info.level_count
    blocks = [4 ** (count - 1 - layer) for layer in range(count)]
    return width, height, [(max(1, -(-height // block)), max(1, -(-width // block)), 3) for block in blocks]


def walk(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, np.ndarray, Size]]:
    header, known, seen = None, {}, set()
    for unit in units:
        if unit.key == STREAM_HEADER:
            header = unit.payload
            continue
        if header is None:
            raise BitstreamError("no header came", str(unit.key))
        width, height, layer_shapes = shapes(header)
        group, layer, frame = unit.key
        if layer >= len(layer_shapes) or (layer and (group, layer - 1, frame) not in seen):
            raise BitstreamError("there is no such layer, or the one below is missing", str(unit.key))
        seen.add(unit.key)
        try:
            blocks = np.frombuffer(zlib.decompress(unit.payload), np.uint8).reshape(layer_shapes[layer])
        except (zlib.error, ValueError) as error:
            raise BitstreamError(f"not a mosaic: {error}", str(unit.key)) from error
        if (group, layer, frame - 1) in known:
            blocks = blocks + known.pop((group, layer, frame - 1))
        known[unit.key] = blocks
        yield unit.key, blocks, Size(width, height)


def decode(units: Iterable[Unit]) -> Iterator[MosaicModel]:
    for key, blocks, size in walk(units):
        yield MosaicModel(key.frame, key.layer, size, blocks)


def render(model: MosaicModel, view: Size) -> torch.Tensor:
    width, height = view.width or model.view.width, view.height or model.view.height
    assert width is not None
    assert height is not None
    rows = np.arange(height) * model.blocks.shape[0] // height
    columns = np.arange(width) * model.blocks.shape[1] // width
    return torch.from_numpy(model.blocks[rows][:, columns].astype(np.float32) / 255)


def inspect(header: bytes) -> StreamInfo:
    try:
        width, height, count, rate = json.loads(header)
        frames_per_second = None if rate is None else Fraction(rate)
    except (ValueError, TypeError) as error:
        raise BitstreamError(f"not a mosaic header: {error}", "header") from error
    kind = "image" if rate is None else "video"
    return StreamInfo(kind, width, height, count, frames_per_second=frames_per_second, details={"profile": "mosaic"})


def breakdown(_header: bytes, unit: Unit) -> dict[str, int]:
    return {"headers" if unit.key == STREAM_HEADER else "colors": len(unit.payload)}


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    for key, blocks, _ in walk(units):
        yield key, b"blocks u1 " + repr(blocks.shape).encode() + blocks.tobytes()


MOSAIC = Codec(
    name="mosaic",
    wire_id=99,
    version=1,
    paper="none",
    signals=("picture", "clip"),
    targets=("size_bytes", "bits_per_pixel"),
    options=("group_frames", "seed"),
    presets=PRESETS,
    configure=configure,
    fit=fit,
    encode=encode,
    decode=decode,
    render=render,
    inspect=inspect,
    breakdown=breakdown,
    integers=integers,
)
