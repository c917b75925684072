# SPDX-License-Identifier: Apache-2.0
"""What a user chose enters, a codec's configuration leaves: preset, target, levels, and fields by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any

from lamina.codec import AnyCodec, Choices, Target, TargetKind

TARGET_KINDS: tuple[TargetKind, ...] = (
    "size_bytes", "bits_per_pixel", "bits_per_second", "psnr_db", "splats", "rate_weight",
)  # fmt: skip


def configured(codec: AnyCodec, choices: Choices, chosen: Mapping[str, Any] | None = None) -> Any:
    """The configuration of one encode; `chosen` are fields by name, dotted where they are nested (``lattice.steps``).

    A field whose value is None stays as the preset has it.

    Raises:
        ValueError: no such preset, target or field, or a value out of range.
    """
    target = choices.target
    if target is not None and target.kind not in codec.targets:
        raise ValueError(f"{target.kind} means nothing to {codec.name}, which takes {', '.join(codec.targets)}")
    if target is not None and not 0 < target.value < float("inf"):
        raise ValueError(f"{target.kind} is {target.value}, expected a number above 0")
    config = codec.configure(choices)
    for name, value in (chosen or {}).items():
        if value is not None:
            config = with_field(config, name, value)
    return config


def target_of(**values: float | None) -> Target | None:
    """The one target that is given, by the name of its kind; None: none is.

    Raises:
        ValueError: there are several.
    """
    given: list[Target] = []
    for kind in TARGET_KINDS:
        value = values.get(kind)
        if value is not None:
            given.append(Target(kind, value))
    if len(given) > 1:
        raise ValueError(f"one target at a time, got {' and '.join(target.kind for target in given)}")
    return given[0] if given else None


def with_field(config: Any, name: str, value: Any) -> Any:
    """The same configuration with one field changed, which may be one of a nested configuration.

    Raises:
        ValueError: there is no such field, or its configuration refuses the value.
    """
    first, _, rest = name.partition(".")
    known = [field.name for field in fields(config)]
    if first not in known:
        close = get_close_matches(first, known, 1)
        hint = f"; did you mean {close[0]}?" if close else f", which has {', '.join(known)}"
        raise ValueError(f"{type(config).__name__} has no field {first!r}{hint}")
    if not rest:
        return replace(config, **{first: value})
    inner = getattr(config, first)
    if not is_dataclass(inner):
        raise ValueError(f"{type(config).__name__}.{first} is {inner!r}, which has no field {rest!r}")
    return replace(config, **{first: with_field(inner, rest, value)})
