# SPDX-License-Identifier: Apache-2.0
"""The contract that every codec signs: a frozen record of functions, and the nouns that travel between them.

    fit     signal, config -> model parts   slow, differentiable, encoder side only; yields what the decoder will have
    encode  model parts -> units            pure; in decoding order, most useful first
    decode  units -> model, model, ...      pure; a complete, better model after each unit that refines it
    render  model, view -> pixels           pure, differentiable

Nothing here imports torch: tools that move units (info, cut, digest, a server) must start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

HEADER_LAYER = -1
"""`UnitKey.layer` of a header unit: what every later unit of its group (or of the whole stream) needs."""


class UnitKey(NamedTuple):
    """Address of a unit. Sorts in decoding order within timed media: group, then layer by layer, then frame."""

    group: int
    """Frames that decode without any other group; 0-based."""
    layer: int
    """0 is the base layer; `HEADER_LAYER` a header unit."""
    frame: int
    """Frame number in the whole stream, 0-based; 0 for stills and header units of the stream."""

    def __str__(self) -> str:
        layer = "header" if self.layer == HEADER_LAYER else f"layer {self.layer}"
        return f"group {self.group}, frame {self.frame}, {layer}"


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece of a stream that can be sent and checked alone."""

    key: UnitKey
    payload: bytes = field(repr=False)
    quality_db: float | None = None
    """PSNR of the level (this layer and all below) of this frame, measured by the encoder on 8-bit pixels; None:
    unknown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a fit is; sent to the monitor a few times a second."""

    done: float
    """Share of the whole job that is done, 0...1."""
    stage: str
    """What is being done, in a few words: ``frame 12/60, level 2``."""
    quality_db: float | None = None
    """PSNR of the top level now, dB."""


class Monitor(Protocol):
    """How a fit talks to whoever started it. The fit calls `report` often; `report` raises to stop it."""

    checkpoint: Path | None
    """Where the fit may keep state to resume from (a file that need not exist yet); None: keep none."""
    header: bytes | None
    """Payload of the stream's header unit, when a fit goes on in the middle of a stream: it must keep to it."""

    def report(self, progress: Progress) -> None:
        """Show progress.

        Raises `Interrupted` when the user asked to stop; the fit saves its checkpoint and passes it on.
        """
        ...


@dataclass(frozen=True, slots=True)
class SilentMonitor:
    """A monitor that shows nothing and never stops the fit."""

    checkpoint: Path | None = None
    header: bytes | None = None

    def report(self, progress: Progress) -> None:
        """Ignore the report."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a header unit says about a stream, readable without torch."""

    kind: str
    """``image`` or ``video`` (later codecs: ``scene``, ...)."""
    width: int
    """Full-size pixels."""
    height: int
    """Full-size pixels."""
    level_count: int
    frames_per_second: float | None = None
    """None for stills."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """More facts for people, in reading order: profile, scalability, background, ..."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The few things that most users choose, for any codec; None: the preset's.

    Every other knob is a field of the codec's configuration. A codec refuses what means nothing to it.
    """

    preset: str = "default"
    bits_per_pixel: float | None = None
    """Of the best level, of the whole file, per pixel (and frame)."""
    size_bytes: int | None = None
    """Of the whole file."""
    psnr_db: float | None = None
    """Of the best level, on 8-bit pixels."""
    splats: int | None = None
    """Of the best level (of a frame), whatever they cost."""
    rate_weight: float | None = None
    """Lambda of a scene: what a bit costs beside the error."""
    layers: int | None = None
    scalability: str | None = None
    """``quality`` or ``resolution``."""
    group_frames: int | None = None
    """At most so many frames from one key frame to the next."""
    device: str | None = None
    """Where to fit: ``cpu`` or ``cuda``."""
    seed: int | None = None
    """Of everything random."""

    def expect_only(self, names: Collection[str], subject: str) -> None:
        """Raises `ValueError` when something else than the preset and these was chosen for `subject`."""
        for chosen in fields(self):
            if chosen.name not in ("preset", *names) and getattr(self, chosen.name) is not None:
                raise ValueError(f"{chosen.name} means nothing to {subject}, which take {', '.join(names)}")


SignalT = TypeVar("SignalT")
ConfigT = TypeVar("ConfigT")
PartT = TypeVar("PartT")
ModelT = TypeVar("ModelT")


@dataclass(frozen=True)
class Codec(Generic[SignalT, ConfigT, PartT, ModelT]):
    """One codec as a value."""

    name: str
    """Folder under `lamina.codecs`; also on the command line."""
    wire_id: int
    """Number in the container's header; never reused."""
    paper: str
    """Citation of the system that it implements."""
    presets: Mapping[str, ConfigT]
    configure: Callable[[Choices], ConfigT]
    """The preset with what a user chose. Raises `ValueError`: no such preset, out of range, or not for this codec."""
    fit: Callable[[SignalT, ConfigT, Monitor], Iterator[PartT]]
    """Yields parts as they are finished: one for a still, one a frame for timed media. The first carries stream
    facts."""
    encode: Callable[[Iterable[PartT]], Iterator[Unit]]
    """The first unit is the stream's header unit, `UnitKey(0, HEADER_LAYER, 0)`."""
    decode: Callable[[Iterable[Unit]], Iterator[ModelT]]
    """Raises `BitstreamError`. Any prefix of a group's units is valid; so is any order in which what a unit needs
    comes first."""
    render: Callable[..., Any]
    """`render(model, view)`: a float tensor (h, w, 3), sRGB-coded values, not clamped."""
    inspect: Callable[[bytes], StreamInfo]
    """Header unit's payload -> facts. No torch."""
    breakdown: Callable[[bytes, Unit], Mapping[str, int]]
    """Header payload, unit -> bytes of each part of its payload (positions, shapes, colours, tables, ...). No torch."""
    integers: Callable[[Iterable[Unit]], Iterator[tuple[UnitKey, bytes]]]
    """Units, as `decode` takes them -> for each unit the integers that it decodes to, in one canonical spelling: by
    name in
    sorted order, name, dtype, shape and little-endian values. The same bytes on every machine; `lamina digest`
    hashes them."""


def preset_of(presets: Mapping[str, ConfigT], name: str) -> ConfigT:
    """A preset by its name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in presets:
        close = get_close_matches(name, presets, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no preset {name!r}, expected one of {', '.join(sorted(presets))}{hint}")
    return presets[name]
