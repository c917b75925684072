# SPDX-License-Identifier: Apache-2.0
"""Damaged pictures and clips of every kind: a signal, or an error of ours; libraries raise nothing else through us."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import ClipWriter, open_signal
from lamina.errors import LaminaError

MUTANTS = 25
"""Of each kind."""
KINDS = ("png", "jpg", "webp", "avif", "gif", "bmp", "jp2", "tif", "heic", "mp4", "mkv", "y4m")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("foreign")
    pixels = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    for kind in KINDS:
        if kind in ("mp4", "mkv", "y4m"):
            with ClipWriter(folder / f"a.{kind}", 24, 16, 25) as writer:
                for number in range(3):
                    writer.write(np.roll(pixels, number, axis=0))
        else:
            with contextlib.suppress(ValueError, KeyError):
                Image.fromarray(pixels).save(folder / f"a.{kind}")
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_give_signals_or_our_errors(kind: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    if kind not in sources:
        pytest.skip(f"nothing installed writes {kind}")
    data, rng = sources[kind], np.random.default_rng(2)
    read, refused = 0, []
    for _ in range(MUTANTS):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), 1024), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        if rng.random() < 0.2:
            damaged = damaged[: rng.integers(len(damaged))]
        (tmp_path / f"a.{kind}").write_bytes(damaged)
        try:
            list(open_signal(tmp_path / f"a.{kind}").looks())
            read += 1
        except LaminaError as error:
            refused.append(str(error))
    assert read + len(refused) == MUTANTS
    assert all(f"a.{kind}" in problem for problem in refused)


def test_a_codec_that_nobody_knows_is_told(sources: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(sources["mkv"].replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/ABC"))
    with pytest.raises(LaminaError, match=r"a\.mkv: a video of a codec that libav does not know"):
        open_signal(tmp_path / "a.mkv")
