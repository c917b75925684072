# SPDX-License-Identifier: Apache-2.0
"""Gaussians in files of other tools.

    .ply  .spz  .sog  .splat  .ksplat ─ read_splats ─► SplatCloud (NumPy) ─ write_splats ─► .ply  .spz

Read in this order: cloud · axes · guarded · ply_header · ply · compressed_ply · smallest_three · spz_values ·
spz_container · spz · sog · splat · ksplat · opening. Nothing here renders: a cloud's scales, opacities and harmonics
become Gaussians of `lamina.render` elsewhere.
"""

from lamina.data.splats.cloud import SplatCloud, cloud_of_linear
from lamina.data.splats.ksplat import read_ksplat
from lamina.data.splats.opening import read_splats, write_splats
from lamina.data.splats.ply import read_ply, write_ply
from lamina.data.splats.sog import read_sog
from lamina.data.splats.splat import read_splat
from lamina.data.splats.spz import read_spz, read_spz_header, write_spz

__all__ = [
    "SplatCloud",
    "cloud_of_linear",
    "read_ksplat",
    "read_ply",
    "read_sog",
    "read_splat",
    "read_splats",
    "read_spz",
    "read_spz_header",
    "write_ply",
    "write_splats",
    "write_spz",
]
