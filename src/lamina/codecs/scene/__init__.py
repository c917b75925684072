# SPDX-License-Identifier: Apache-2.0
"""Still 3D scenes as a progressive octree of anchors.

ProGS, progressive coding of 3D Gaussian splatting (arXiv 2603.09703), and what has moved the field since.

    capture ─ fit ─► ScenePart (integers, networks) ─ encode ─► units         header, cameras, then a unit a layer
    pixels ◄─ render(camera) ─ SceneModel (tensors) ◄─ decode ─ units         one model a layer

What an anchor is, how it is fitted, predicted and coded, is in `lamina.anchors`; here is what makes a scene of it.
Read in this order: config · syntax · model · coding · facts (the decoder) · export (Gaussians for other tools) ·
fit/: finish · rate_control · fit (the encoder).

Nothing heavy is imported until a function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codec import Codec, Export, lazy
from lamina.codecs.scene.config import PRESETS, SceneConfig, configure
from lamina.codecs.scene.syntax import VERSION

if TYPE_CHECKING:
    from lamina.codecs.scene.model import SceneModel, ScenePart
    from lamina.data.captures import Capture

CODEC: Codec[Capture, SceneConfig, ScenePart, SceneModel] = Codec(
    name="scene",
    wire_id=2,
    version=VERSION,
    paper="ProGS, progressive coding of 3D Gaussian splatting (arXiv 2603.09703)",
    signals=("capture",),
    targets=("size_bytes", "rate_weight"),
    options=("seed", "device"),
    presets=PRESETS,
    configure=configure,
    fit=lazy("lamina.codecs.scene.fit.fit:fit"),
    encode=lazy("lamina.codecs.scene.coding:encode"),
    decode=lazy("lamina.codecs.scene.coding:decode"),
    render=lazy("lamina.codecs.scene.model:render"),
    inspect=lazy("lamina.codecs.scene.facts:inspect"),
    breakdown=lazy("lamina.codecs.scene.facts:breakdown"),
    integers=lazy("lamina.codecs.scene.coding:integers"),
    export=Export((".ply", ".spz"), 1_600, lazy("lamina.codecs.scene.export:write")),
)
