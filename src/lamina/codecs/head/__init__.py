# SPDX-License-Identifier: Apache-2.0
"""Talking heads: a head of Gaussians, sent once in layers, and a few parameters a frame that move it.

J. Li et al., Lightweight High-Fidelity Low-Bitrate Talking Face Compression for 3D Video Conference, and what pays
beyond.

    clip ─ fit ─► HeadPart, RunPart, ... ─ encode ─► units        header, layers of the head, a unit a (run, layer)
    pixels ◄─ render(size or camera) ─ HeadModel ◄─ decode ─ units      a model a frame and level

Read in this order: config · syntax · columns (what the integers are) · residuals (how one is coded) · neighbors ·
attributes (walk of a layer) · parameters (walk of a run) · packets (a frame alone) · person · background · rig
(integers to Gaussians) · model · coding · live · facts (the decoder) · fit/: examples · start · learning · components ·
quantizing · newton · refining · live · fit (the encoder). `networked/` is the paper's own head, preset `paper`, with
fit/: networked_quantizing · networked_learning.

Nothing heavy is imported until a function is called: `lamina info` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.codec import Codec, Live, lazy
from lamina.codecs.head.config import PRESETS, HeadConfig, configure
from lamina.codecs.head.syntax import VERSION, WIRE_ID

if TYPE_CHECKING:
    from lamina.codecs.head.model import HeadModel, HeadPart, RunPart
    from lamina.data import Clip

CODEC: Codec[Clip, HeadConfig, HeadPart | RunPart, HeadModel] = Codec(
    name="head",
    wire_id=WIRE_ID,
    version=VERSION,
    paper="Jianglong Li et al.: Lightweight High-Fidelity Low-Bitrate Talking Face Compression for 3D Video Conference",
    signals=("clip",),
    targets=("bits_per_second",),
    options=("group_frames", "seed", "learn", "model", "model_only"),
    presets=PRESETS,
    configure=configure,
    fit=lazy("lamina.codecs.head.fit.fit:fit"),
    encode=lazy("lamina.codecs.head.coding:encode"),
    decode=lazy("lamina.codecs.head.coding:decode"),
    render=lazy("lamina.codecs.head.model:render"),
    inspect=lazy("lamina.codecs.head.facts:inspect"),
    breakdown=lazy("lamina.codecs.head.facts:breakdown"),
    integers=lazy("lamina.codecs.head.coding:integers"),
    live=Live(lazy("lamina.codecs.head.fit.live:open_coder"), lazy("lamina.codecs.head.live:HeadLiveDecoder")),
)
