# SPDX-License-Identifier: Apache-2.0
"""Still scenes as a strict octree of anchors in levels of detail.

ProGS, progressive coding of 3D Gaussian splatting (arXiv 2603.09703), and what has moved the field since.

    capture ─ fit ─► ScenePart (integers) ─ encode ─► units             a header unit, then one unit a layer
    pixels ◄─ render ─ SceneModel (tensors) ◄─ decode ─ units           one model a layer

Read in this order:

    nouns       config · syntax · model · layout
    fit         start · state · schedule · losses (photometric_kernels) · training (adam_kernels) · adjustment ·
                finish · rate_control · checkpoint · fit
    the wire    family · context · fixed_context · tree_coding · mask_coding · layer_coding · header_coding · coding
    tools       facts · views · export

Nothing heavy is imported until a function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lamina.codec import Codec, Monitor, StreamInfo, Unit, UnitKey
from lamina.codecs.scene.config import PRESETS, SceneConfig, configure

if TYPE_CHECKING:
    from lamina.codecs.scene.model import SceneModel, ScenePart
    from lamina.render.cameras import Camera


def fit(signal: Any, config: SceneConfig, monitor: Monitor) -> Iterator[ScenePart]:
    """Capture -> one part."""
    from lamina.codecs.scene.fit import fit as run

    return run(signal, config, monitor)


def encode(parts: Iterable[ScenePart]) -> Iterator[Unit]:
    """Part -> header unit, then a unit a layer."""
    from lamina.codecs.scene.coding import encode as run

    return run(parts)


def decode(units: Iterable[Unit]) -> Iterator[SceneModel]:
    """Units -> a complete model after each layer."""
    from lamina.codecs.scene.coding import decode as run

    return run(units)


def render(model: SceneModel, view: Camera, level: int | None = None) -> Any:
    """What a camera sees: (h, w, 3) float tensor, sRGB-coded, not clamped."""
    from lamina.codecs.scene.model import render as run

    return run(model, view, level)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The decoded integers of each unit in one canonical spelling, for digests."""
    from lamina.codecs.scene.coding import integers as run

    return run(units)


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts."""
    from lamina.codecs.scene.facts import inspect as run

    return run(payload)


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of each part of a unit's payload."""
    from lamina.codecs.scene.facts import breakdown as run

    return run(header_payload, unit)


CODEC: Codec[Any, SceneConfig, ScenePart, SceneModel] = Codec(
    name="scene",
    wire_id=2,
    paper="ProGS, progressive coding of 3D Gaussian splatting (arXiv 2603.09703)",
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
