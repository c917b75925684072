# SPDX-License-Identifier: Apache-2.0
"""Anchors leave as Gaussians that every 3DGS viewer can show: one set for all views. Never imported by decoders.

Read in this order: subject (what is exported) · clouds (means over what generators say) · descent (towards what the
anchors themselves show) · files.
"""
