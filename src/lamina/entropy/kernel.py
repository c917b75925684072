# SPDX-License-Identifier: Apache-2.0
"""How every loop of the coder is compiled: a Python function over scalars and arrays enters, a Numba kernel leaves."""

from lamina.compiled import compiled

kernel = compiled(_nrt=False)
"""Without reference counts: counting the arrays of a coder at each call takes ten times as long as coding a symbol
(measured: 13 instead of 140 million a second). Such a kernel cannot allocate arrays.
"""
