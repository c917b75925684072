# SPDX-License-Identifier: Apache-2.0
"""Lamina's own planar method: splats on a lattice of equal error energy, coded with primed adaptive probabilities.

    pixels ─ optimize ─► Splats ─ freeze, refine ─► LatticeSplats ─ coding ─► payloads           stills, key frames
    pixels ─ predict (align, optimize, settle) ─► LatticeSplats and flags ─ coding ─► payloads    other frames

Read in this order: steps · splats · color · motion · syntax · priors · walk · update · coding · packing (the decoder);
fit/ (the encoder). docs/codecs/planar.md
derives the lattice and the rate term.
"""
