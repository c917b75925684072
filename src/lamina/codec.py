# SPDX-License-Identifier: Apache-2.0
"""The contract that every codec signs: a frozen record of functions, and the nouns that travel between them.

    fit     signal, config, session -> parts  slow, differentiable, encoder side only; yields what the decoder will have
    encode  parts -> units                    pure; in decoding order, most useful first
    decode  units -> model, model, ...        pure; a complete, better model after each unit that refines it
    render  model, view -> pixels             pure, differentiable

Read in this order: `units` (what a stream is made of); here facts (what is known without decoding) · views, signals,
models · choices and sessions (how a fit is asked for) · Codec. Nothing here imports torch or numpy: tools that move
units (info, cut, digest, a server) must start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from lamina.units import STREAM_HEADER, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

    from lamina.cameras.camera import Camera

# --- Facts: what is known of a stream without decoding it ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream's header unit says, readable without torch."""

    kind: str
    """For people: ``image``, ``video``, ``scene``, ..."""
    width: int
    """Pixels of full size; of media seen by cameras, of the views that it was fitted to."""
    height: int
    """Pixels."""
    level_count: int
    seen_by: SeenBy = SeenBy.SIZE
    frames_per_second: Fraction | None = None
    """None for stills."""
    quality_metric: QualityMetric = QualityMetric.FRAME_PSNR
    is_foreground: bool = False
    """It holds only what masks held: it is compared with that, and its models have `over(background)`."""
    has_cameras: bool = False
    """A size is a view, and so is a camera: a size stands for the camera that the medium was taken with. Models then
    offer cameras."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """More facts for people, in reading order: profile, scalability, background, ..."""

    @property
    def is_timed(self) -> bool:
        """Has frames; otherwise it stands still."""
        return self.frames_per_second is not None


# --- Views, signals, models ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """A view of what has no cameras: an output size in pixels. None: the model's own."""

    width: int | None = None
    height: int | None = None


View: TypeAlias = "Size | Camera"
"""What a model is rendered for."""

Medium = Literal["picture", "clip", "capture", "timed capture"]
"""What a signal is: one picture; frames; photographs with cameras; synchronised cameras over frames."""


class Look(NamedTuple):
    """What a signal looked like: at a frame, from a view."""

    frame: int
    view: View
    pixels: UInt8[np.ndarray, "h w 3"]


class Signal(Protocol):
    """What comes in. Signals answer for themselves, so that no tool asks their type."""

    @property
    def medium(self) -> Medium:
        """Of what kind it is."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or changed on the way in, for people."""
        ...

    @property
    def frame_count(self) -> int | None:
        """1 for stills; None: unknown before the end."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 of its facts and a sample of its pixels: says whether an encode that goes on codes the same thing."""
        ...

    def looks(self) -> Iterator[Look]:
        """What a file made from it is compared with, frame by frame: views held out of fits, or all where none are."""
        ...


class Model(Protocol):
    """What `decode` yields: complete, ready to render."""

    @property
    def frame(self) -> int:
        """Number in the stream; 0 for stills."""
        ...

    @property
    def level(self) -> int:
        """Reached by layers 0...level together."""
        ...

    @property
    def view(self) -> View:
        """Its own: the size that its level was fitted for, or a camera that sees it well."""
        ...

    @property
    def cameras(self) -> Sequence[Camera]:
        """Views that the stream offers to viewers; none where a view is a size alone."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What it is made of, for people: ``{"splats": 9000}``."""
        ...


# --- Choices and sessions: how a fit is asked for --------------------------------------------------------------------

TargetKind = Literal["size_bytes", "bits_per_pixel", "bits_per_second", "psnr_db", "splats", "rate_weight"]
"""What the best level should cost or reach: bytes of the whole file; bits per pixel (and frame); bits per second of
timed media; PSNR on 8-bit pixels; splats (of a frame), whatever they cost; lambda, what a bit costs beside the
error."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target, everything counted."""

    kind: TargetKind
    value: float


@dataclass(frozen=True, slots=True)
class Choices:
    """What means the same for every codec. All else is a field of the codec's configuration."""

    preset: str = "default"
    target: Target | None = None
    """None: the preset's."""
    level_count: int | None = None
    """None: the preset's."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a fit is; reported a few times a second."""

    done: float
    """Share of the whole job that is done, 0...1."""
    stage: str
    """What is being done, in a few words: ``frame 12/60, level 2``."""
    quality_db: float | None = None
    """PSNR of the top level now, dB."""
    is_endless: bool = False
    """Nobody knows how long it will last: cameras still record."""


class Written(Protocol):
    """The units of the stream that are finished and safe: empty, but for an encode that goes on."""

    @property
    def keys(self) -> Sequence[UnitKey]:
        """In the order of their making."""
        ...

    def units(self) -> Iterator[Unit]:
        """In the order of their making; read when they are asked for."""
        ...

    def keep(self, count: int) -> None:
        """Keep the first `count` units, forget the others: the fit makes them again."""
        ...


@dataclass(frozen=True, slots=True)
class NothingWritten:
    """A stream that has just begun."""

    keys: Sequence[UnitKey] = ()

    def units(self) -> Iterator[Unit]:
        """None."""
        return iter(())

    def keep(self, count: int) -> None:
        """Nothing to forget."""


def ignore(progress: Progress) -> None:
    """For `Session.report`: nobody watches."""


@dataclass(frozen=True, slots=True)
class Session:
    """Between a fit and whoever started it.

    A fit looks at what is written, keeps of it what it can go on from, and yields the parts that come after, with their
    own numbers; the header unit is not made again. It saves its state where `checkpoint` says as often as the work
    since then is worth keeping.
    """

    report: Callable[[Progress], None] = ignore
    """Called often. Raises `Interrupted` when the user asked to stop; the fit saves its state and passes it on."""
    checkpoint: Path | None = None
    """A file, which need not exist yet, for state to go on from (`fitting.checkpoint`); None: keep none."""
    key: str = ""
    """Names the job (signal and configuration): a checkpoint of another is not gone on from."""
    written: Written = NothingWritten()

    @property
    def header(self) -> bytes | None:
        """Payload of the stream's header unit, if it is written: a fit that goes on must keep to it."""
        if not self.written.keys:
            return None
        return next((unit.payload for unit in self.written.units() if unit.key == STREAM_HEADER), None)


# --- The contract ----------------------------------------------------------------------------------------------------

SignalT = TypeVar("SignalT")
ConfigT = TypeVar("ConfigT")
PartT = TypeVar("PartT")
ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True)
class Export(Generic[ModelT]):
    """How models leave as files of other tools that are not pixels."""

    suffixes: tuple[str, ...]
    """With their dots, lower case: ``.ply``."""
    fit_steps: int
    """Of a fit to what the model shows, where nobody says how many; 0: none is made."""
    write: Callable[[ModelT, Path, int, Callable[[float], None]], str]
    """model, path, fit steps, report of the share done 0...1 (may raise to stop) -> what was written, in a few
    words."""


class LiveCoder(Protocol):
    """Codes one frame after another as they come, for packets that may be lost. It keeps what it sent lately."""

    def code(self, pixels: UInt8[np.ndarray, "h w 3"], number: int, reference: int | None) -> bytes:
        """A packet; `reference`: a frame that the receiver surely has. Raises `SignalError`: nothing can be coded."""
        ...

    def check(self, number: int) -> int | None:
        """16 bits of what was sent as a frame, by which both sides know that they have the same; None: too old."""
        ...


class LiveDecoder(Protocol):
    """What a receiver has: units that were sent once, and frames of late."""

    def take_unit(self, unit: Unit) -> None:
        """A unit of the stream group. Raises `BitstreamError`: it is damaged, or what it needs has not come."""
        ...

    def decode(self, number: int, payload: bytes) -> Model:
        """The frame of a packet. Raises `BitstreamError`: it is damaged, or builds on what is "not here"."""
        ...

    def check(self, number: int) -> int | None:
        """The same 16 bits as `LiveCoder.check` has; None: the frame is not here."""
        ...


@dataclass(frozen=True, slots=True)
class LiveChoices:
    """How frames are coded live."""

    bits_per_second: float | None = None
    """Of the packets' payloads; None: as the codec's steps have it."""
    effort: int | None = None
    """Steps a frame; None: the codec's."""


@dataclass(frozen=True)
class Live:
    """How a codec codes what is happening now: what is sent once, then a packet a frame."""

    coder: Callable[[Sequence[Unit], LiveChoices], LiveCoder]
    """Units of the stream group -> a coder. Raises `SignalError`: it cannot be made from them."""
    decoder: Callable[[], LiveDecoder]


@dataclass(frozen=True)
class Codec(Generic[SignalT, ConfigT, PartT, ModelT]):
    """One codec as a value."""

    name: str
    """Folder under `lamina.codecs`; also on the command line."""
    wire_id: int
    """Number in the container's header; never reused."""
    version: int
    """Of the syntax of its header unit, which it writes and reads."""
    paper: str
    """Citation of the system that it implements."""
    signals: tuple[Medium, ...]
    """What it codes. Where several codecs take the same, the first of `CODECS` is the one that is not asked for."""
    targets: tuple[TargetKind, ...]
    """What may be asked of it."""
    options: tuple[str, ...]
    """Fields of its configuration that many users choose: options of their own on the command line."""
    presets: Mapping[str, ConfigT]
    configure: Callable[[Choices], ConfigT]
    """The preset with what a user chose. Raises `ValueError`: no such preset, or out of range."""
    fit: Callable[[SignalT, ConfigT, Session], Iterator[PartT]]
    """Yields parts as they are finished: one for a still, one a frame or group for timed media."""
    encode: Callable[[Iterable[PartT]], Iterator[Unit]]
    """The first unit of a stream is its header unit, `STREAM_HEADER`. Units of a part leave before the next is asked
    for, or with the part that ends their group."""
    decode: Callable[[Iterable[Unit]], Iterator[ModelT]]
    """Raises `BitstreamError`. Any prefix of a group's units is valid; so is any order in which what a unit needs comes
    first. One decoder lives over all groups of a stream. What rendering needs is made when it is asked for."""
    render: Callable[[ModelT, Any], Any]
    """`render(model, view)`: a float tensor (h, w, 3), sRGB-coded values, not clamped."""
    inspect: Callable[[bytes], StreamInfo]
    """Header unit's payload -> facts. No torch."""
    breakdown: Callable[[bytes, Unit], Mapping[str, int]]
    """Header payload, unit -> bytes of each part of its payload (positions, shapes, colors, tables, ...). No torch."""
    integers: Callable[[Iterable[Unit]], Iterator[tuple[UnitKey, bytes]]]
    """Units, as `decode` takes them -> for each unit the integers that it decodes to, in one canonical spelling
    (`bitstream.integers`). The same bytes on every machine; `lamina digest` hashes them."""
    show: Callable[[ModelT, Any], np.ndarray] | None = None
    """`show(model, view)`: what `render` gives, as a float32 array without gradients, for codecs that can do so without
    importing torch. None: it is made from `render`."""
    export: Export[ModelT] | None = None
    """None: it leaves as pixels only."""
    live: Live | None = None
    """None: it codes nothing live."""

    def facts(self, header: bytes) -> StreamFacts:
        """What the container says of a stream with this header unit.

        Raises:
            BitstreamError: the header is damaged.
        """
        info = self.inspect(header)
        return StreamFacts(self.wire_id, info.seen_by, info.frames_per_second, info.quality_metric)


AnyCodec: TypeAlias = Codec[Any, Any, Any, Any]
"""A codec of which nothing more is known."""


def lazy(place: str) -> Callable[..., Any]:
    """The function at ``module:name``, imported when it is first called: a codec's record imports nothing heavy."""
    module, _, name = place.partition(":")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{place}`."
    return call


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
