# SPDX-License-Identifier: Apache-2.0
"""A path enters; what libraries raise over a damaged file leaves as one `SignalError` that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lamina.errors import SignalError


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Everything between opening a file and having its values.

    kind: of file, for errors, such as ``.spz``.

    Raises:
        SignalError: as it is; and for any other exception but a lack of memory.
    """
    try:
        # Whatever is no finite number is refused by its name afterwards.
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (SignalError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise SignalError(f"{path}: no such file; expected a {kind} file") from error
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}; expected a {kind} file") from error
    # zlib.error, LZMAError, ZstdError and struct.error have no common root, Pillow's and zipfile's readers let out a
    # dozen others, and which depends on where the damage is: a list of them is never complete.
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SignalError(f"{path}: not a {kind} file, or damaged ({what}); expected an intact one") from error


def read_bytes(path: Path, kind: str) -> bytes:
    """The whole file.

    Raises:
        SignalError: it cannot be read.
    """
    with reading(path, kind):
        return path.read_bytes()
