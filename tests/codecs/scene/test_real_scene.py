# SPDX-License-Identifier: Apache-2.0
"""A photographed scene from folder to file: levels, cuts, sizes, and its Gaussians in other files."""

import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.cli import main
from lamina.codecs.scene.config import PRESETS
from lamina.data.captures import Capture, read_capture
from lamina.data.splats import read_splats
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.media.comparison import compare
from lamina.media.summary import summarize
from lamina.metrics.psnr import psnr
from lamina.render.spatial import render_spatial

pytestmark = pytest.mark.data

FAST = PRESETS["fast"]
SHORT = replace(
    FAST,
    rate_weight=0.004,
    anchors=replace(FAST.anchors, first=2_500, limit=6_000),
    growth=replace(FAST.growth, interval_steps=20),
    schedule=replace(FAST.schedule, steps=600, tune_steps=60),
    context=replace(FAST.context, settle_steps=200),
)


@pytest.fixture(scope="module")
def fern() -> Capture:
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("LAMINA_DATA", root.parent / "shared" / "data")) / "static" / "llff_fern"
    if not folder.is_dir():
        pytest.skip(f"development data not found at {folder}; set LAMINA_DATA to its folder")
    return read_capture(folder, scale=Fraction(1, 3))


@pytest.fixture(scope="module")
def file(fern: Capture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "fern.lam"
    lamina.encode(fern, path, config=SHORT).close()
    return path


def test_every_level_shows_more_of_the_views_held_out(fern: Capture, file: Path) -> None:
    with lamina.open(file) as media:
        levels = [level.as_json() for level in compare(media, fern)]
    assert [level["level"] for level in levels] == [0, 1, 2, 3, 4]
    assert all(upper["bytes"] > lower["bytes"] for lower, upper in pairwise(levels))
    assert all(upper["psnr"] > lower["psnr"] for lower, upper in pairwise(levels))
    assert all(upper["ssim"] > lower["ssim"] for lower, upper in pairwise(levels))
    assert levels[-1]["psnr"] > 20.0
    assert levels[-1]["bytes"] < 150_000


def test_the_tree_is_cheap(file: Path) -> None:
    with lamina.open(file) as media:
        parts = summarize(media.stream).parts
        anchors = len(media.model().anchors())
    assert 8 * parts["tree"] / anchors < 5.0


def test_a_file_cut_anywhere_shows_the_levels_that_are_whole(file: Path, tmp_path: Path, fern: Capture) -> None:
    whole = file.read_bytes()
    with lamina.open(file) as media:
        ends = [entry.stop for entry in media.stream.entries if entry.key.group == 0]
        camera = fern.views[fern.test[0]].camera
        expected = [np.asarray(media.render(camera, level=level)) for level in range(media.level_count)]
    for level, end in enumerate(ends):
        cut = tmp_path / f"{level}.lam"
        cut.write_bytes(whole[: end + (ends[level + 1] - end) // 2] if level + 1 < len(ends) else whole)
        with lamina.open(cut) as media:
            assert np.array_equal(np.asarray(media.render(camera)), expected[level])


def test_its_gaussians_as_ply_show_nearly_the_same(fern: Capture, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "fern.ply"
    assert main(["decode", str(file), str(path), "--quiet"]) == 0
    with lamina.open(file) as media:
        cloud = read_splats(path)
        found = []
        for number in fern.test:
            camera = fern.views[number].camera
            image = render_spatial(gaussians_seen_from(cloud, camera.position_world), camera)
            pixels = (image.pixels.clamp(0, 1) * 255).round().byte().numpy()
            own = np.asarray(media.render(camera))
            found.append(psnr(fern.pixels(number), own) - psnr(fern.pixels(number), pixels))
    assert np.mean(found) < 1.5
