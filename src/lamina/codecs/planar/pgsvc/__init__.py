# SPDX-License-Identifier: Apache-2.0
"""The paper's own method. Longan Wang, Yuang Shi, Wei Tsang Ooi: P-GSVC, layered progressive 2D Gaussian splatting.

    frame ─ training ─► weighted splats ─ quantizers / predicted ─► integers ─ coding ─► payload      encode
    pixels ◄─ render ─ raw splats ◄─ layers ─ integers ◄─ coding ─ payload                           decode

Read in this order: splats · layers · syntax · sections (with walks) · coding · packing (the decoder) · fit/ (the
encoder). Importing this file imports no torch: tools that count bytes need `syntax` alone.
"""
