# SPDX-License-Identifier: Apache-2.0
"""Gaussians in files of other tools.

    .ply  .spz  .sog ─ read_splats ─► SplatCloud (NumPy) ─ write_splats ─► .ply  .spz

Read in this order: cloud · ply_header · ply · compressed_ply · smallest_three · spz · sog · opening. Nothing
here renders: a cloud's scales, opacities and harmonics become Gaussians of `lamina.render` elsewhere.
"""

from lamina.data.splats.cloud import SplatCloud, cloud_of_linear
from lamina.data.splats.opening import read_splats, write_splats
from lamina.data.splats.ply import read_ply, write_ply
from lamina.data.splats.sog import read_sog
from lamina.data.splats.spz import read_spz, write_spz

__all__ = [
    "SplatCloud",
    "cloud_of_linear",
    "read_ply",
    "read_sog",
    "read_splats",
    "read_spz",
    "write_ply",
    "write_splats",
    "write_spz",
]
