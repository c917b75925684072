# SPDX-License-Identifier: Apache-2.0
"""The paper's own method. Longan Wang, Yuang Shi, Wei Tsang Ooi: P-GSVC, layered progressive 2D Gaussian splatting.

    frame ─ training ─► weighted splats ─ quantizers / predicted ─► integers ─ coding ─► payload      encode
    pixels ◄─ render ─ raw splats ◄─ layers ─ integers ◄─ coding ─ payload                           decode

Read in this order: splats · objective (with kernels) · adan · descent · pruning · training · layers · quantizers ·
predicted · key_frames · stages (with checkpoint) · rate · fit · syntax · sections (with walks) · coding · method.

Importing this file imports no torch: tools that count bytes need `syntax` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.codecs.planar.method import Method

    METHOD: Method

__all__ = ["METHOD"]


def __getattr__(name: str) -> Method:
    if name != "METHOD":
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    from lamina.codecs.planar.pgsvc.method import METHOD

    return METHOD
