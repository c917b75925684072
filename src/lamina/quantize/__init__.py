# SPDX-License-Identifier: Apache-2.0
"""Reals <-> integers, and what stands in for the integers while a model is still being trained.

    reals ── quantize_* / *_to_bits / encode_residual ──► integers        decided once, by the encoder
    integers ── dequantize_* / bits_to_* / decode_residual ──► reals      the same on every machine
    reals ── *_straight_through ──► reals                                 values of the pair above, gradients of the
    identity

Read in this order: training (straight-through, noise) · uniform (LSQ+) · floats (fp16, 12 bit) · vector (residual VQ).
"""
