# SPDX-License-Identifier: Apache-2.0
"""Numbers that the renderers of splats share, with their reasons. Changing one changes pixels.

The planar renderer uses those down to POSITION_LIMIT_PX, the spatial one all.
"""

from __future__ import annotations

import math

TILE_PX = 16
"""Tiles are 16 x 16 pixels: a row is one 512-bit or two 256-bit vectors of float32, a tile's sums stay in L1."""

TILE_AREA_PX = TILE_PX * TILE_PX

CUTOFF_EXPONENT = math.log(255.0)
"""A splat ends where its Gaussian falls under 1/255, that is where half the squared Mahalanobis distance passes ln 255.
The visible support of GaussianImage (XingtongGe/gsplat, forward.cu: alpha < 1/255 is skipped), without its 3-sigma
tile seam."""

CUTOFF_MAHALANOBIS_SQUARED = 2.0 * CUTOFF_EXPONENT
"""The same ellipse as a squared Mahalanobis distance: extents along an axis are sqrt(this * variance)."""

CONIC_LIMIT = 1e12
"""An inverse covariance with a larger diagonal (a splat under a millionth of a pixel wide) counts as singular: it can
hit no pixel centre that anybody aimed at, and its exponent would leave float32."""

VARIANCE_LIMIT = 1e16
"""A splat whose variance is larger (a hundred million pixels wide) counts as singular too: so do overflowed ones."""

POSITION_LIMIT_PX = 1e9
"""Splats further out than this touch nothing: their coordinates have no pixel left in float32."""

LOW_PASS_VARIANCE = 0.3
"""Square pixels added to both diagonal entries of a projected covariance, so that no splat falls between pixel centres
(3DGS; `eps2d` of gsplat)."""

NEAR_PLANE = 0.01
"""Gaussians whose centre is nearer to the camera, in world units along its axis, are not seen (gsplat's default)."""

FRUSTUM_MARGIN = 0.3
"""The projection is linearised at most this share of half a picture outside of its edges: further out the linear map
blows up (3DGS; gsplat's `persp_proj`)."""

ALPHA_MIN = 1.0 / 255.0
"""A splat ends where its opacity falls under one step of eight bits (3DGS): exp(-CUTOFF_EXPONENT)."""

ALPHA_MAX = 0.999
"""No splat hides what is behind it altogether, or its gradients would vanish for good (gsplat; 3DGS has 0.99)."""

TRANSMITTANCE_STOP = 1e-4
"""A splat that would leave no more of the background than this is not drawn, nor is anything behind it (3DGS)."""
