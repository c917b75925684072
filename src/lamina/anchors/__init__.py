# SPDX-License-Identifier: Apache-2.0
"""Anchors: points of a strict octree from which small networks make 3D Gaussians. `scene` and `freeview` share them.

    points ── octree ──► indices, layer by layer        integers; every node has its parent in the layer above
    anchors, heads, camera ── neural ──► Gaussians3D    differentiable
    gradients, opacities ── growth ──► indices          which nodes a fit adds and removes

The decoder, in this order: cube · contraction · octree · neighbors · anchors · missing · neural · assembly (with
assembly_kernels) · picturing · syntax · breakdown (where bytes go) · context/ · layers · coding/. The encoder: config ·
growth · fitting/.

This file imports nothing: the octree needs no torch, and import what you need from its file.
"""
