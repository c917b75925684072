# SPDX-License-Identifier: Apache-2.0
"""The lattice method as a value. Apart from `__init__`, so that reading a unit's head imports no torch."""

from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer, gaussians_of
from lamina.codecs.planar.lattice.fit import fit
from lamina.codecs.planar.method import Method

METHOD = Method("lattice", fit, encode_layer, decode_layer, gaussians_of)
