# SPDX-License-Identifier: Apache-2.0
"""The paper's method as a value: what the planar codec calls."""

from __future__ import annotations

from lamina.codecs.planar.method import Method
from lamina.codecs.planar.pgsvc.coding import decode_layer, encode_layer, gaussians
from lamina.codecs.planar.pgsvc.fit import fit

METHOD = Method(
    name="pgsvc",
    fit=fit,
    encode_layer=encode_layer,
    decode_layer=decode_layer,
    gaussians=gaussians,
)
