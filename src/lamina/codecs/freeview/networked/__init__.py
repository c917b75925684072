# SPDX-License-Identifier: Apache-2.0
"""How anchors move in the paper's own way: latents on points or grids, aggregated, and small networks sent with them.

    syntax · nearest · points (the hierarchy of latent points) · networks (latents to differences) · deformation (Eq. 7
    to 9) · parameters (networks to integers, Eq. 14 to 21) · frame_coding (a frame's unit) · frames (a decoder's
    memory)

Source: HPC (arXiv 2602.00671), sec. IV and V; iFVC's tri-plane and 3DGStream's hash grid are its comparators.
"""
