# SPDX-License-Identifier: Apache-2.0
"""A codec that is timed and seen through cameras stands beside the package's, and a file of it is there."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "contract"))

PLAY_FRAMES = 18


@pytest.fixture
def puppets(monkeypatch: pytest.MonkeyPatch):
    """Colored dots that circle before three cameras."""
    from puppets import PUPPETS

    import lamina.codecs

    monkeypatch.setattr(lamina.codecs, "CODECS", (*lamina.codecs.CODECS, PUPPETS))
    return PUPPETS


@pytest.fixture
def play(puppets, tmp_path: Path) -> Path:
    """18 frames, 25 a second, in chained groups of four; every third group can be joined."""
    from puppets import Play

    from lamina.media.encoding import encode_signal

    path = tmp_path / "play.lam"
    encode_signal(Play(PLAY_FRAMES), path, puppets, puppets.presets["default"]).close()
    return path
