# SPDX-License-Identifier: Apache-2.0
"""Integers to bytes and back, exactly: integer probability tables and one rANS coder. No float decides a decoded bit.

    values, table indices ── rans.encode_indexed ──► bytes      many symbols, tables known before they start
    a walk over contexts ── binary, symbols, split ──► bytes    adaptive bits, written once for both directions

Read in this order: stream_format (layout of a stream) · tables · rans · binary · symbols · split · table_syntax ·
gaussian_tables.
`docs/entropy.md` says the same for a second implementation; `tests/conformance/entropy/vectors.json` pins it.

This file imports nothing, so that tools which never decode a symbol start fast; import what you need from its file.
"""
