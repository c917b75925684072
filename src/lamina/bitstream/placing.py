# SPDX-License-Identifier: Apache-2.0
"""An error about a payload gets the name of the unit that the payload is of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.errors import BitstreamError
from lamina.units import UnitKey


@contextmanager
def placed_in_unit(key: UnitKey) -> Iterator[None]:
    """Errors that name a syntax element name the unit instead, and the element in their problem."""
    try:
        yield
    except BitstreamError as error:
        if error.unit != str(key):
            element = f"{error.unit or 'payload'}{'.' + error.field if error.field else ''}"
            error.problem = f"{element}: {error.problem}"
            error.unit, error.field = str(key), ""
        raise
