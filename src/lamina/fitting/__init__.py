# SPDX-License-Identifier: Apache-2.0
"""What encoders share: how parameters learn, what they descend on, what a step looks at, and state to go on from.

Read in this order: adam (with adam_kernels) · photometric (with photometric_kernels) · shots · checkpoint · resume ·
factorized_prior.
Decoders never import this room.
"""
