# SPDX-License-Identifier: Apache-2.0
"""A file that holds only what masks held, and its source, enter; both before the same thing leave.

black, white    the source is cut out by its masks; views without masks are left out
plates          pictures as they are; what was decoded stands before its camera's median without masks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Look, Model, Signal
from lamina.data.captures.timed import TimedCapture, plate_of
from lamina.errors import SignalError, TargetError
from lamina.media.reading import Media

COLORS = {"black": (0, 0, 0), "white": (255, 255, 255)}
BACKGROUNDS = {**COLORS, "green": (0, 255, 0)}
"""What can be named to stand behind pictures that are made."""
PLATES = "plates"
OVERS = (*COLORS, PLATES)
"""What `compare` can put behind both."""

Background = tuple[int, int, int] | UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Backdrop:
    """What both stand before."""

    source: Signal
    """As it is compared."""
    behind: Callable[[Look], Background] | None = None
    """What stands behind the model at a look; None: models stay as they are."""

    def before(self, model: Model, look: Look) -> Model:
        """The model before it."""
        return model if self.behind is None else standing_before(model, self.behind(look))


def standing_before(model: Any, background: Background) -> Model:
    """A model before a color or a picture.

    Raises:
        TargetError: it hides everything that could be behind it.
    """
    if not hasattr(model, "over"):
        raise TargetError("it fills its pictures, so that nothing can stand behind it: leave the background out")
    return model.over(background)


def check_background(background: Background | None, sizes: Iterable[tuple[int, int]]) -> None:
    """Refuse a picture that is not of the size (width, height) of what it shall stand behind.

    Raises:
        TargetError: it is of another size.
    """
    if not isinstance(background, np.ndarray):
        return
    height, width = background.shape[:2]
    for wanted in sizes:
        if wanted != (width, height):
            raise TargetError(
                f"a background of {width}x{height} pixels behind pictures of {wanted[0]}x{wanted[1]}; expected one "
                f"size: resize it, or --size {width}x{height}"
            )


def over_of(media: Media, over: str | None) -> str | None:
    """What a comparison is over, for people; None: pictures are compared as they are."""
    if not media.info.is_foreground:
        return None
    return over or "its own background"


def backdrop_of(media: Media, source: Signal, over: str | None) -> Backdrop:
    """For a comparison.

    Raises:
        TargetError: the file holds whole pictures, and something was asked to be put behind them.
        SignalError: the source has no masks.
    """
    if not media.info.is_foreground:
        if over is not None:
            raise TargetError(f"a {media.info.kind} holds whole pictures, not what masks hold: leave --over out")
        return Backdrop(source)
    if not isinstance(source, TimedCapture):
        raise SignalError("expected cameras over time with masks to compare with")
    if over == PLATES:

        @cache
        def plate(view: int) -> UInt8[np.ndarray, "h w 3"]:
            return plate_of(source, view)

        return Backdrop(source, lambda look: plate(_view_of(source, look)))
    color = COLORS[over] if over else own_background(media)
    return Backdrop(source.cut_out(color), lambda _: color)


def own_background(media: Media) -> tuple[int, int, int]:
    """What the file says is behind it."""
    found: Any = media.model(level=0)
    red, green, blue = found.background
    return red, green, blue


def _view_of(source: TimedCapture, look: Look) -> int:
    """Number of the view that a look is from."""
    return next(number for number, view in enumerate(source.views) if view.camera is look.view)


def background_of(name: str | None) -> Background | None:
    """A color by its name, or a picture's pixels.

    Raises:
        SignalError: neither.
    """
    from lamina.data import read_image

    if name is None or name in BACKGROUNDS:
        return None if name is None else BACKGROUNDS[name]
    if not Path(name).exists():
        raise SignalError(f"{name}: no such picture; expected {', '.join(BACKGROUNDS)}, or a picture's file")
    return read_image(Path(name)).pixels
