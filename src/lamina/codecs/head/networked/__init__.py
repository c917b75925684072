# SPDX-License-Identifier: Apache-2.0
"""The paper's own head (preset `paper`): a network moves Gaussians on the mesh, latents carry what matters less.

    γ(place), components ─ network ─► what moves a Gaussian, turns it, makes it larger
    latents ─ linear decoders ─► harmonics above the first, rotations, opacities
    parameters a frame: 8 or 10 bits each, differences from the frame before by exponential Golomb codes of order 0

Read in this order: syntax · codes (exponential Golomb codes) · indices (a run's parameters) · values (arrays of the
head) · sections (arrays <-> bytes) · look (what is seen) ·
decoded (arrays to a look).
"""
