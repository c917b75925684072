# SPDX-License-Identifier: Apache-2.0
"""Small networks that several codecs share: reals while fitting, integers on the wire and wherever a decision is made.

    features ── Mlp ──► reals                  generator heads; trained, then sent on a step (coding)
    integers ── FixedMlp ──► integers          predicts probabilities: the same on every machine
    positions ── HashGrid ──► features         signs at the nodes of levels; frozen, exact integers too

Read in this order: mlp · fixed_point · hash_layout · hash_grid (with hash_kernels) ·
quantized · coding (with syntax). `docs/networks.md` says the same for a second implementation.

This file imports nothing, so that tools which never run a network start fast; import what you need from its file.
"""
