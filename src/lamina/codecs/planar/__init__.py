# SPDX-License-Identifier: Apache-2.0
"""Images and video as layered 2D Gaussians.

L. Wang, Y. Shi, W. T. Ooi: P-GSVC: Layered Progressive 2D Gaussian Splatting for Scalable Image and Video.

    pixels ─ fit ─► FramePart (integers) ─ encode ─► units            one part a frame, closed loop
    pixels ◄─ render ─ PlanarModel (tensors) ◄─ decode ─ units         one model a unit

Two methods share frames, units and rendering: `pgsvc/` is the paper's own, `lattice/` the best we know.

Read in this order: config · syntax · model · packing · coding · facts · lattice/ · pgsvc/ (the decoder); fit/,
lattice/fit/, pgsvc/fit/ (the encoder). Nothing heavy is imported until a function is called: `lamina info` needs no
torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codec import Codec, lazy
from lamina.codecs.planar.config import PRESETS, PlanarConfig, configure
from lamina.codecs.planar.syntax import VERSION

if TYPE_CHECKING:
    from lamina.codecs.planar.model import FramePart, PlanarModel
    from lamina.data import Clip, Picture

CODEC: Codec[Picture | Clip, PlanarConfig, FramePart, PlanarModel] = Codec(
    name="planar",
    wire_id=1,
    version=VERSION,
    paper="Longan Wang, Yuang Shi, Wei Tsang Ooi: P-GSVC: Layered Progressive 2D Gaussian Splatting for Scalable Image "
    "and Video",
    signals=("picture", "clip"),
    targets=("bits_per_pixel", "size_bytes", "bits_per_second", "psnr_db", "splats"),
    options=("scalability", "group_frames", "seed"),
    presets=PRESETS,
    configure=configure,
    fit=lazy("lamina.codecs.planar.fit.fit:fit"),
    encode=lazy("lamina.codecs.planar.coding:encode"),
    decode=lazy("lamina.codecs.planar.coding:decode"),
    render=lazy("lamina.codecs.planar.model:render"),
    show=lazy("lamina.codecs.planar.model:show"),
    inspect=lazy("lamina.codecs.planar.facts:inspect"),
    breakdown=lazy("lamina.codecs.planar.facts:breakdown"),
    integers=lazy("lamina.codecs.planar.coding:integers"),
)
