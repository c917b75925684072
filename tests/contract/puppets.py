# SPDX-License-Identifier: Apache-2.0
"""A codec of colored dots that move, seen through cameras: timed, with a model sent once and groups that are chained.

The stream group holds the cameras (layer 0) and the dots' colors (layers 0 and 1). A group is so many frames; a frame's
unit is the dots' moves since the frame before, in lattice units, layer by layer; every third group begins anew.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from lamina.bitstream.placing import placed_in_unit
from lamina.cameras.camera import Camera, look_at
from lamina.cameras.coding import pack_cameras, unpack_cameras
from lamina.codec import Choices, Codec, Export, Look, Medium, Progress, Session, StreamInfo, preset_of
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, GroupFacts, QualityMetric, SeenBy, Unit, UnitKey

UNIT = 1 / 64
"""World units of a lattice step."""
WIDTH, HEIGHT, LAYERS = 40, 32, 2
DOTS = (5, 40)
"""Of each layer."""
JOINS = 3
"""Every so many groups a viewer can join."""
RATE = Fraction(25)


def camera_at(angle: float) -> Camera:
    place = np.array([3 * np.cos(angle), 3 * np.sin(angle), 0.8])
    pose = look_at(place, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return Camera(np.linalg.inv(pose), 36.0, 36.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)


CAMERAS = tuple(camera_at(0.7 * number) for number in range(3))


def dots_at(frame: int) -> np.ndarray:
    """Places of all dots, lattice units: each circles at its own pace."""
    random = np.random.default_rng(4)
    start = random.uniform(-1, 1, (sum(DOTS), 3))
    turn = random.uniform(-0.3, 0.3, sum(DOTS)) * frame
    x, y = start[:, 0], start[:, 1]
    moved = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), start[:, 2]], axis=1)
    return np.rint(moved / UNIT).astype(np.int32)


def colors() -> np.ndarray:
    return np.random.default_rng(5).integers(60, 256, (sum(DOTS), 3)).astype(np.uint8)


def picture(places: np.ndarray, tones: np.ndarray, camera: Camera) -> np.ndarray:
    """Dots as squares, far ones first; 8 bits."""
    pixels = np.zeros((camera.height, camera.width, 3), np.uint8)
    at, depths = camera.project(places * UNIT)
    side = max(1, camera.width // 16)
    for number in np.argsort(-depths):
        column, row = np.floor(at[number] - side / 2).astype(int)
        if depths[number] > 0.1 and -side < column < camera.width and -side < row < camera.height:
            pixels[max(row, 0) : row + side, max(column, 0) : column + side] = tones[number]
    return pixels


@dataclass(frozen=True)
class Play:
    """Dots before cameras: the signal."""

    frame_count: int
    name: str = "play"
    notes: tuple[str, ...] = ()
    medium: Medium = "timed capture"

    def fingerprint(self) -> str:
        return f"{self.name} {self.frame_count}"

    def looks(self) -> Iterator[Look]:
        for frame in range(self.frame_count):
            for camera in CAMERAS:
                yield Look(frame, camera, picture(dots_at(frame), colors(), camera))


@dataclass(frozen=True)
class PuppetConfig:
    """Configuration of one encode."""

    level_count: int = LAYERS
    """Layers: 1 or 2."""
    group_frames: int = 4
    """Frames a group."""
    rate: float | None = None
    """Bits per second; not looked at."""

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= LAYERS:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{LAYERS}")


PRESETS = {"default": PuppetConfig(), "fast": PuppetConfig()}


def configure(choices: Choices) -> PuppetConfig:
    config = preset_of(PRESETS, choices.preset)
    if choices.target is not None:
        config = replace(config, rate=choices.target.value)
    return config if choices.level_count is None else replace(config, level_count=choices.level_count)


@dataclass(frozen=True)
class PuppetPart:
    """A frame."""

    config: PuppetConfig
    frame: int
    joins: bool
    """Places, not moves: a viewer can join here."""
    moves: np.ndarray


def fit(signal: Play, config: PuppetConfig, session: Session) -> Iterator[PuppetPart]:
    # A stop costs a frame at most: what is there of a frame that has not all its layers is made again.
    keys = list(session.written.keys)
    frames = [key.frame for key in keys if key.group != STREAM_GROUP and key.layer != HEADER_LAYER]
    start = max(frames, default=-1) + 1
    if frames and sum(frame == start - 1 for frame in frames) < config.level_count:
        start -= 1
    session.written.keep(sum(key.group == STREAM_GROUP or key.frame < start for key in keys) if start else 0)
    for frame in range(start, signal.frame_count):
        session.report(Progress(frame / signal.frame_count, f"frame {frame}", 25.0))
        joins = frame % (JOINS * config.group_frames) == 0
        yield PuppetPart(config, frame, joins, dots_at(frame) - (0 if joins else dots_at(frame - 1)))


def encode(parts: Iterable[PuppetPart]) -> Iterator[Unit]:
    for part in parts:
        config = part.config
        if part.frame == 0:
            yield Unit(STREAM_HEADER, json.dumps([config.level_count, str(RATE)]).encode())
            yield Unit(UnitKey(STREAM_GROUP, 0, 0), pack_cameras(CAMERAS) + colors()[: DOTS[0]].tobytes())
            if config.level_count > 1:
                yield Unit(UnitKey(STREAM_GROUP, 1, 0), colors()[DOTS[0] :].tobytes())
        group = part.frame // config.group_frames
        facts = GroupFacts(is_chained=group % JOINS != 0)
        if part.frame % config.group_frames == 0:
            yield Unit(UnitKey(group, HEADER_LAYER, part.frame), b"networks, say", group=facts)
        first = 0
        for layer, count in enumerate(DOTS[: config.level_count]):
            moves = part.moves[first : first + count].astype(">i2").tobytes()
            payload = bytes([part.joins]) + moves
            yield Unit(UnitKey(group, layer, part.frame), payload, 20.0 + layer, group=facts)
            first += count


@dataclass(frozen=True)
class PuppetModel:
    frame: int
    level: int
    places: np.ndarray
    tones: np.ndarray
    cameras: tuple[Camera, ...]

    @property
    def view(self) -> Camera:
        return self.cameras[0]

    @property
    def counts(self) -> dict[str, int]:
        return {"dots": len(self.places)}


def walk(units: Iterable[Unit]) -> Iterator[tuple[Unit, dict[int, bytes], dict[int, np.ndarray]]]:
    """Each unit but headers, with what was sent once and the dots' places so far."""
    header: bytes | None = None
    opened: set[int] = set()
    once: dict[int, bytes] = {}
    places: dict[int, np.ndarray] = {}
    reached: dict[int, int] = {}
    for unit in units:
        group, layer, frame = unit.key
        if unit.key == STREAM_HEADER:
            header = unit.payload
            continue
        if header is None:
            raise BitstreamError("no header came", str(unit.key))
        if group == STREAM_GROUP:
            once[layer] = unit.payload
        elif layer == HEADER_LAYER:
            opened.add(group)
            continue
        else:
            if layer and reached.get(layer - 1) is None:
                raise BitstreamError("the layer below is missing", str(unit.key))
            if group not in opened or any(lower not in once for lower in range(layer + 1)):
                raise BitstreamError("its group's header or colors have not come", str(unit.key))
            if layer >= json.loads(header)[0] or len(unit.payload) != 1 + 6 * DOTS[layer]:
                raise BitstreamError("not as many moves as dots", str(unit.key))
            moves = np.frombuffer(unit.payload, ">i2", offset=1).reshape(-1, 3).astype(np.int32)
            is_absolute = unit.payload[0] == 1
            if not is_absolute and reached.get(layer) != frame - 1:
                raise BitstreamError("what it builds on has not come", str(unit.key))
            places[layer] = moves if is_absolute else places[layer] + moves
            reached[layer] = frame
        yield unit, once, places


def decode(units: Iterable[Unit]) -> Iterator[PuppetModel]:
    for unit, once, places in walk(units):
        group, layer, frame = unit.key
        if group == STREAM_GROUP:
            continue
        with placed_in_unit(UnitKey(STREAM_GROUP, 0, 0)):
            cameras = unpack_cameras(once[0][: -3 * DOTS[0]])
        shown = [k for k in range(layer + 1) if k in places]
        tones = np.frombuffer(once[0][-3 * DOTS[0] :] + (once[1] if layer else b""), np.uint8)
        if len(shown) <= layer or len(tones) != 3 * sum(DOTS[: layer + 1]):
            raise BitstreamError("a layer below, or its colors, are missing", str(unit.key))
        yield PuppetModel(frame, layer, np.concatenate([places[k] for k in shown]), tones.reshape(-1, 3), cameras)


def render(model: PuppetModel, camera: Camera) -> torch.Tensor:
    return torch.from_numpy(picture(model.places, model.tones, camera).astype(np.float32) / 255)


def inspect(header: bytes) -> StreamInfo:
    try:
        count, rate = json.loads(header)
        frames_per_second = Fraction(rate)
    except (ValueError, TypeError) as error:
        raise BitstreamError(f"not a puppet header: {error}", "header") from error
    return StreamInfo("play", WIDTH, HEIGHT, count, SeenBy.CAMERA, frames_per_second, QualityMetric.VIEW_PSNR)


def breakdown(_header: bytes, unit: Unit) -> dict[str, int]:
    part = "headers" if unit.key == STREAM_HEADER else "model" if unit.key.group == STREAM_GROUP else "moves"
    return {part: len(unit.payload)}


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    for unit, once, places in walk(units):
        layer = unit.key.layer
        yield unit.key, once[layer] if unit.key.group == STREAM_GROUP else places[layer].astype("<i4").tobytes()


def write(model: PuppetModel, path: Path, fit_steps: int, report) -> str:
    del fit_steps
    report(1.0)
    path.write_text("\n".join(" ".join(map(str, place)) for place in model.places))
    return f"{len(model.places)} dots"


PUPPETS = Codec(
    name="puppets",
    wire_id=98,
    version=1,
    paper="none",
    signals=("timed capture",),
    targets=("bits_per_second",),
    options=("group_frames",),
    presets=PRESETS,
    configure=configure,
    fit=fit,
    encode=encode,
    decode=decode,
    render=render,
    inspect=inspect,
    breakdown=breakdown,
    integers=integers,
    export=Export((".xyz",), 0, write),
)
