# SPDX-License-Identifier: Apache-2.0
"""Lamina's own planar method: splats on a lattice of equal error energy, coded with primed adaptive probabilities.

    pixels ─ optimize (grow, train, re-allocate) ─► Splats ─ freeze ─► LatticeSplats ─ coding ─► payloads

Read in this order: steps · splats · color · kernels · canvas · placement · optimize · freeze · rate_control · fit ·
syntax · priors · walk · coding. docs/codecs/planar.md derives the lattice and the rate term.
"""

from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer, gaussians_of
from lamina.codecs.planar.lattice.fit import fit
from lamina.codecs.planar.method import Method

METHOD = Method("lattice", fit, encode_layer, decode_layer, gaussians_of)
