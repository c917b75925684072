# SPDX-License-Identifier: Apache-2.0
"""Anchors <-> bytes: tree (cells) · masks (offsets in use) · layer (all of a layer's unit) · networks."""
