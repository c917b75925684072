# SPDX-License-Identifier: Apache-2.0
"""How the lattice method packs layers. Apart from `__init__`, so that reading a unit's head imports no torch."""

from lamina.codecs.planar.lattice.coding import arrays_of, decode_layer, encode_layer, gaussians_of
from lamina.codecs.planar.packing import Packing

PACKING = Packing("lattice", encode_layer, decode_layer, gaussians_of, arrays_of)
