# SPDX-License-Identifier: Apache-2.0
"""What damaged units must come to: models that are sound, or an error that names its place."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from lamina.errors import BitstreamError
from lamina.units import Unit

ModelT = TypeVar("ModelT")


def survivors(models: Iterable[ModelT], check: Callable[[ModelT], None]) -> int:
    """Models that come out, each of them checked; nothing but a BitstreamError that names its place may go wrong."""
    count = 0
    place = "none"
    try:
        for model in models:
            check(model)
            count += 1
    except BitstreamError as error:
        place = error.unit
    assert place
    return count


def with_payload(units: Sequence[Unit], number: int, payload: bytes) -> tuple[Unit, ...]:
    """The same units but one, which has another payload."""
    return (*units[:number], replace(units[number], payload=payload), *units[number + 1 :])
