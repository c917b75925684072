# SPDX-License-Identifier: Apache-2.0
"""Free-viewpoint video, frame by frame: anchors at rest, sent once in layers, and how they differ from it.

HPC, hierarchical point-based latents for streaming dynamic Gaussian splatting (arXiv 2602.00671), and what pays beyond.

    timed capture ─ fit ─► FirstPart, FramePart, ... ─ encode ─► units       header, rest, a unit a (frame, layer)
    pixels ◄─ render(camera) ─ FrameModel (tensors) ◄─ decode ─ units     a model a unit of a frame

What an anchor is, is in `lamina.anchors`; here is how it moves. Read in this order: config · syntax · hierarchy (who
moves with whom) · motion (integers to anchors) · rest · walk (the entropy walk) · memory · scale_coding · guests ·
frame_coding · model · coding · facts (the decoder) · export · fit/: start · first_frame · activity · rate · frame ·
rebirth · births · chain · fit (the encoder). `networked/` is the paper's own way to move anchors, preset
`paper`, with fit/: networked_frame · networked_fit · encoder (which of the two).

Nothing heavy is imported until a function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codec import Codec, Export, lazy
from lamina.codecs.freeview.config import PRESETS, FreeviewConfig, configure
from lamina.codecs.freeview.syntax import VERSION

if TYPE_CHECKING:
    from lamina.codecs.freeview.model import FirstPart, FrameModel, FramePart, NetworkedPart
    from lamina.data.captures.timed import TimedCapture

CODEC: Codec[TimedCapture, FreeviewConfig, FirstPart | FramePart | NetworkedPart, FrameModel] = Codec(
    name="freeview",
    wire_id=3,
    version=VERSION,
    paper="HPC, hierarchical point-based latents for dynamic Gaussian splatting (arXiv 2602.00671)",
    signals=("timed capture",),
    targets=("size_bytes", "bits_per_second", "rate_weight"),
    options=("seed", "device", "group_frames"),
    presets=PRESETS,
    configure=configure,
    fit=lazy("lamina.codecs.freeview.fit.encoder:fit"),
    encode=lazy("lamina.codecs.freeview.coding:encode"),
    decode=lazy("lamina.codecs.freeview.coding:decode"),
    render=lazy("lamina.codecs.freeview.model:render"),
    inspect=lazy("lamina.codecs.freeview.facts:inspect"),
    breakdown=lazy("lamina.codecs.freeview.facts:breakdown"),
    integers=lazy("lamina.codecs.freeview.coding:integers"),
    export=Export((".ply", ".spz"), 0, lazy("lamina.codecs.freeview.export:write")),
)
