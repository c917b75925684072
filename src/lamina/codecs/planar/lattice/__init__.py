# SPDX-License-Identifier: Apache-2.0
"""Lamina's own planar method: splats on a lattice of equal error energy, coded with primed adaptive probabilities.

    pixels ─ optimize ─► Splats ─ freeze, refine ─► LatticeSplats ─ coding ─► payloads           stills, key frames
    pixels ─ predict (align, optimize, settle) ─► LatticeSplats and flags ─ coding ─► payloads    other frames

Read in this order: steps · splats · color · kernels · canvas · color_solver · placement · optimize · freeze · refine ·
picture · rate_control · key_frame (stills); motion · motion_search · alignment · predict · settle · budget ·
look_ahead · clip · fit (clips); syntax · priors · walk · update · coding (the wire); method. docs/codecs/planar.md
derives the lattice and the rate term.
"""
