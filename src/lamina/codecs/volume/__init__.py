# SPDX-License-Identifier: Apache-2.0
"""Volumetric video on nested grids: what masks hold, as one field whose levels are resolutions.

HPC, hierarchical progressive coding for volumetric video (arXiv 2407.09026), and what pays beyond: sparse from the
first line, motion on the coarsest lattice, colours in three channels that a small network adds to.

    timed capture ─ fit ─► HeadPart, GroupPart, FramePart, ... ─ encode ─► units    headers, a unit a (frame, level)
    pixels ◄─ render(camera) ─ VolumeModel ◄─ decode ─ units                        a model a unit of a frame

Lattices, their sums and motion are in `lamina.grids`, rays through them in `lamina.render.volume`. Read in this order:
config · syntax · reconstruction (symbols to values) · walk, vectors, table_coding (the entropy walks) · frame_coding (a
unit) · shading · model · coding · facts · export (the decoder) · fit/: start · silhouettes · rays · field · rate ·
descent · key_frame · motion · predicted · level_prior, progressive (preset `paper`) · fit (the encoder).

Nothing heavy is imported until a function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codec import Codec, Export, lazy
from lamina.codecs.volume.config import PRESETS, VolumeConfig, configure
from lamina.codecs.volume.syntax import VERSION

if TYPE_CHECKING:
    from lamina.codecs.volume.model import Part, VolumeModel
    from lamina.data.captures.timed import TimedCapture

CODEC: Codec[TimedCapture, VolumeConfig, Part, VolumeModel] = Codec(
    name="volume",
    wire_id=4,
    version=VERSION,
    paper="HPC, hierarchical progressive coding framework for volumetric video (arXiv 2407.09026)",
    signals=("timed capture",),
    targets=("size_bytes", "bits_per_second", "rate_weight"),
    options=("seed", "group_frames"),
    presets=PRESETS,
    configure=configure,
    fit=lazy("lamina.codecs.volume.fit.fit:fit"),
    encode=lazy("lamina.codecs.volume.coding:encode"),
    decode=lazy("lamina.codecs.volume.coding:decode"),
    render=lazy("lamina.codecs.volume.model:render"),
    inspect=lazy("lamina.codecs.volume.facts:inspect"),
    breakdown=lazy("lamina.codecs.volume.facts:breakdown"),
    integers=lazy("lamina.codecs.volume.coding:integers"),
    export=Export((".npz", ".ply"), 0, lazy("lamina.codecs.volume.export:write")),
)
