# SPDX-License-Identifier: Apache-2.0
"""How the paper's method packs layers."""

from lamina.codecs.planar.packing import Packing
from lamina.codecs.planar.pgsvc.coding import arrays, decode_layer, encode_layer, gaussians

PACKING = Packing("pgsvc", encode_layer, decode_layer, gaussians, arrays)
