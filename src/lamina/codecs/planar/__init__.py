# SPDX-License-Identifier: Apache-2.0
"""Images and video as layered 2D Gaussians.

L. Wang, Y. Shi, W. T. Ooi: P-GSVC: Layered Progressive 2D Gaussian Splatting for Scalable Image and Video.

    pixels ─ fit ─► FramePart (integers) ─ encode ─► units            one part a frame, closed loop
    pixels ◄─ render ─ PlanarModel (tensors) ◄─ decode ─ units         one model a unit

Two methods share frames, units and rendering: `pgsvc/` is the paper's own, `lattice/` the best we know.

Read in this order: config · syntax · model · method · coding · lattice/ · pgsvc/. Nothing heavy is imported until a
function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lamina.codec import Codec, Monitor, StreamInfo, Unit, UnitKey
from lamina.codecs.planar.config import PRESETS, PlanarConfig, configure

if TYPE_CHECKING:
    from lamina.codecs.planar.model import FramePart, PlanarModel, View


def fit(signal: Any, config: PlanarConfig, monitor: Monitor) -> Iterator[FramePart]:
    """Picture or clip -> one part a frame."""
    from lamina.codecs.planar.fit import fit as run

    return run(signal, config, monitor)


def encode(parts: Iterable[FramePart]) -> Iterator[Unit]:
    """Parts -> units, group by group, in a group layer by layer."""
    from lamina.codecs.planar.coding import encode as run

    return run(parts)


def decode(units: Iterable[Unit]) -> Iterator[PlanarModel]:
    """Units -> a model after each unit that refines a frame."""
    from lamina.codecs.planar.coding import decode as run

    return run(units)


def render(model: PlanarModel, view: View | None = None) -> Any:
    """Model -> (h, w, 3) float tensor, sRGB-coded, not clamped."""
    from lamina.codecs.planar.model import render as run

    return run(model, view)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The decoded integers of each unit in one canonical spelling, for digests."""
    from lamina.codecs.planar.coding import integers as run

    return run(units)


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts."""
    from lamina.codecs.planar.facts import inspect as run

    return run(payload)


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of each part of a unit's payload."""
    from lamina.codecs.planar.facts import breakdown as run

    return run(header_payload, unit)


CODEC: Codec[Any, PlanarConfig, FramePart, PlanarModel] = Codec(
    name="planar",
    wire_id=1,
    paper="Longan Wang, Yuang Shi, Wei Tsang Ooi: P-GSVC: Layered Progressive 2D Gaussian Splatting for Scalable Image "
    "and Video",
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
