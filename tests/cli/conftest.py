# SPDX-License-Identifier: Apache-2.0
"""Material of the command line's tests: small pictures and clips, and a codec that is nothing like splats."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "contract"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mosaic(monkeypatch: pytest.MonkeyPatch):
    """Codes everything as block averages instead of splats."""
    from mosaic import MOSAIC

    import lamina.codecs

    monkeypatch.setattr(lamina.codecs, "CODECS", (MOSAIC,))
    return MOSAIC


@pytest.fixture
def puppets(monkeypatch: pytest.MonkeyPatch):
    """Colored dots that circle before three cameras: timed, in chained groups, with a model that is sent once."""
    from puppets import PUPPETS

    import lamina.codecs

    monkeypatch.setattr(lamina.codecs, "CODECS", (PUPPETS,))
    return PUPPETS


@pytest.fixture
def play(puppets, tmp_path: Path) -> Path:
    """18 frames, 25 a second, in groups of four; every third group can be joined."""
    from puppets import Play

    from lamina.media.encoding import encode_signal

    path = tmp_path / "play.lam"
    encode_signal(Play(18), path, puppets, puppets.presets["default"]).close()
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit status, standard output, standard error."""
    from lamina.cli import main

    def call(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        output, errors = capsys.readouterr()
        return status, output, errors

    return call


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """A picture with smooth parts, an edge and texture."""
    rows, columns = np.mgrid[0:40, 0:56].astype(np.float32)
    red = 128 + 90 * np.sin(columns / 9) * np.cos(rows / 11)
    green = np.where(columns > 30 + 0.3 * rows, 200, 60) + 10 * np.sin(columns * 1.7)
    return np.clip(np.stack([red, green, 255 - red], axis=2), 0, 255).astype(np.uint8)


@pytest.fixture
def photo(tmp_path: Path, pixels: np.ndarray) -> Path:
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def clip(tmp_path: Path, pixels: np.ndarray) -> Path:
    """Ten frames in which everything moves by a pixel."""
    from lamina.data import ClipWriter

    path = tmp_path / "clip.y4m"
    with ClipWriter(path, pixels.shape[1], pixels.shape[0], 25) as writer:
        for number in range(10):
            writer.write(np.roll(pixels, number, axis=1))
    return path
