# SPDX-License-Identifier: Apache-2.0
"""The paper's encoder, never imported by its decoder.

Read in this order: objective (with kernels) · adan · descent · pruning · training · quantizers · predicted ·
key_frames · stages (with checkpoint) · rate · fit.
"""
