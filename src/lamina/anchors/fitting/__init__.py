# SPDX-License-Identifier: Apache-2.0
"""Anchors are fitted to a capture: the encoder's side of the engine, never imported by decoders.

Read in this order: first_octree · start · state (parameters, networks) · schedule · relations, likelihood,
context_model (the probability model in floats) · losses · training (a step) · adjustment (the octree changes) ·
descent (all steps) · fine_tuning (the probability model learns what is coded) · quantizing (to integers) · checkpoint.
"""
