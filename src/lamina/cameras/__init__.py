# SPDX-License-Identifier: Apache-2.0
"""Where pictures are taken from.

Read in this order: camera (a pinhole and its pose) · paths (orbits, spirals, JSON) · around (views between and around
others) · syntax, coding (cameras on the wire).
"""
