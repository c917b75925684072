# SPDX-License-Identifier: Apache-2.0
"""Files of what masks hold: compared over a color or plates, filmed before a background, on cameras that are named."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "volume"))
from masked_play import SMALL, masked_play

import lamina
from lamina.cli import main
from lamina.codec import Choices
from lamina.codecs import codec_of_name
from lamina.data import write_image
from lamina.errors import SignalError, TargetError
from lamina.media.backdrops import backdrop_of, over_of
from lamina.media.configuring import configured
from lamina.media.encoding import encode_signal


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec = codec_of_name("volume")
    path = tmp_path_factory.mktemp("backdrops") / "play.lam"
    encode_signal(masked_play(2), path, codec, configured(codec, Choices("fast"), SMALL)).close()
    return path


def test_both_stand_before_the_same(coded: Path) -> None:
    play = masked_play(2)
    with lamina.open(coded) as media:
        found = {}
        for over in (None, "black", "white", "plates"):
            (*_, top) = lamina.compare(media, play, over=over)
            found[over] = top.psnr
        assert found[None] == found["black"] > found["plates"] - 6
        assert found["white"] < found["black"]
        assert min(found.values()) > 20
        assert over_of(media, None) == "its own background"
        # A plate is what stands behind; the balls' places are hidden in each frame.
        backdrop = backdrop_of(media, play, "plates")
        look = next(backdrop.source.looks())
        assert np.array_equal(look.pixels, play.pixels(0, 4))


def test_views_without_masks_are_left_out_or_refused() -> None:
    play = masked_play(1)
    assert play.masked_views == tuple(range(9))
    assert [view for view in play.held_out(("cam2", "cam7")).test] == [2, 7]
    with pytest.raises(SignalError, match="there is no view 'cam99'"):
        play.held_out(("cam99",))
    with pytest.raises(SignalError, match="are held out"):
        play.held_out(tuple(view.name for view in play.views))
    with pytest.raises(SignalError, match="no masks"):
        masked_play(1, has_masks=False).cut_out((0, 0, 0))
    with pytest.raises(SignalError, match="no mask of view cam3"):
        masked_play(1, has_masks=False).foreground(0, 3)


def test_what_fills_its_pictures_has_nothing_behind_it(tmp_path: Path) -> None:
    picture = lamina.Picture(np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8))
    path = tmp_path / "still.lam"
    lamina.encode(picture, path, preset="fast").close()
    with lamina.open(path) as media:
        assert over_of(media, "black") is None
        with pytest.raises(TargetError, match="holds whole pictures"):
            list(lamina.compare(media, picture, over="black"))


def test_films_stand_before_a_color_or_a_picture(coded: Path, tmp_path: Path) -> None:
    pictures = {}
    behind = np.full((44, 56, 3), (250, 0, 250), np.uint8)
    write_image(tmp_path / "behind.png", behind)
    for name in ("black", "white", str(tmp_path / "behind.png")):
        out = tmp_path / f"{Path(name).stem}_view.png"
        words = ["render", str(coded), "--camera", "test:0", "--frames", "0", "--background", name, "--out", str(out)]
        assert main([*words, "--quiet"]) == 0
        pictures[Path(name).stem] = lamina.data.read_image(out).pixels
    assert tuple(pictures["white"][0, 0]) == (255, 255, 255)
    assert tuple(pictures["behind"][0, 0]) == (250, 0, 250)
    assert pictures["black"].mean() < pictures["behind"].mean() < pictures["white"].mean()


def test_a_background_of_another_size_is_refused(coded: Path, tmp_path: Path, capsys) -> None:
    write_image(tmp_path / "small.png", np.zeros((4, 4, 3), np.uint8))
    words = ["render", str(coded), "--camera", "test:0", "--background", str(tmp_path / "small.png")]
    assert main([*words, "--out", str(tmp_path / "v.png"), "--quiet"]) == 1
    assert "a background of 4x4 pixels behind pictures of 56x44" in capsys.readouterr().err


def test_the_file_says_that_it_holds_a_foreground(coded: Path, capsys) -> None:
    assert main(["info", str(coded), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["is_foreground"] is True
