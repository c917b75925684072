# SPDX-License-Identifier: Apache-2.0
"""The verbs on a file of a scene: facts, cutting, looking, Gaussians for other tools, what a scene does not have."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data.splats import read_splats

SCENE = Path(__file__).parents[1] / "conformance" / "scene" / "everything.lam"

CAMERA = {
    "size_px": [48, 36],
    "field_of_view_x_degrees": 60.0,
    "position": [0.0, -3.0, 1.0],
    "target": [0.0, 0.0, 0.0],
}


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(CAMERA))
    return path


def test_info_counts_every_byte(run) -> None:
    status, output, _ = run("info", SCENE, "--json")
    facts = json.loads(output)
    assert status == 0
    assert (facts["kind"], facts["codec"]) == ("scene", "scene")
    assert sum(facts["parts"].values()) == facts["size_bytes"] == SCENE.stat().st_size
    sizes = [level["size_bytes"] for level in facts["levels"]]
    assert sizes == sorted(sizes)
    assert all(level["bits_per_pixel"] is None for level in facts["levels"])


def test_a_camera_sees_more_at_every_level(run, tmp_path: Path, camera: Path) -> None:
    pictures = []
    for level in range(3):
        path = tmp_path / f"level{level}.png"
        assert run("render", SCENE, "--camera", camera, "--out", path, "--level", level, "--quiet")[0] == 0
        pictures.append(np.asarray(Image.open(path)))
    assert all(picture.shape == (36, 48, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_cut_file_shows_what_the_whole_shows_at_that_level(run, tmp_path: Path, camera: Path) -> None:
    small, views = tmp_path / "small.lam", [tmp_path / name for name in ("cut.png", "whole.png")]
    assert run("cut", SCENE, small, "--level", 1)[0] == 0
    assert small.stat().st_size < SCENE.stat().st_size
    for file, view in zip((small, SCENE), views, strict=True):
        assert run("render", file, "--camera", camera, "--out", view, "--level", 1, "--quiet")[0] == 0
    assert views[0].read_bytes() == views[1].read_bytes()


def test_a_file_that_ends_too_early_says_which_level_is_shown(run, tmp_path: Path, camera: Path) -> None:
    short = tmp_path / "short.lam"
    short.write_bytes(SCENE.read_bytes()[:-20])
    status, output, errors = run("render", short, "--camera", camera, "--out", tmp_path / "view.png", "--quiet")
    assert status == 0
    assert "level 1 of 0...2" in output
    assert "truncated" in errors
    assert "what is intact was shown" in errors


def test_several_cameras_make_a_folder_or_a_film(run, tmp_path: Path) -> None:
    cameras = tmp_path / "cameras.json"
    cameras.write_text(json.dumps({"cameras": [CAMERA] * 3}))
    assert run("render", SCENE, "--camera", cameras, "--out", tmp_path / "views", "--quiet")[0] == 0
    assert len(list((tmp_path / "views").glob("*.png"))) == 3
    status, output, _ = run("render", SCENE, "--camera", cameras, "--out", tmp_path / "film.y4m", "--size", "32x24")
    assert status == 0
    assert "3 views, 32x24" in output
    assert (tmp_path / "film.y4m").stat().st_size > 3 * 32 * 24


def test_a_path_with_moments_is_filmed_around_what_stands_still(run, tmp_path: Path) -> None:
    path = tmp_path / "path.json"
    further = {**CAMERA, "position": [1.0, -3.0, 1.0]}
    path.write_text(json.dumps({"cameras": [{**CAMERA, "time_s": 0}, {**further, "time_s": 0.5}]}))
    words = ("render", SCENE, "--camera", path, "--out", tmp_path / "film.y4m", "--size", "32x24")
    assert "6 views, 32x24" in run(*words, "--fps", 10)[1]
    assert "16 views, 32x24" in run(*words)[1]
    path.write_text(json.dumps({"cameras": [{**CAMERA, "frame": 0}, {**further, "frame": 5}]}))
    status, _, errors = run(*words)
    assert status == 1
    assert errors.count("\n") == 1
    assert "path.json: camera 0: has no time_s" in errors


@pytest.mark.parametrize("suffix", [".ply", ".spz"])
def test_gaussians_are_written_for_other_tools(run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scene{suffix}"
    status, output, _ = run("decode", SCENE, path, "--level", 1, "--fit-steps", 2)
    cloud = read_splats(path)
    assert status == 0
    assert f"{len(cloud)} Gaussians" in output
    assert cloud.degree == 2
    assert np.isfinite(cloud.means).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("decode", SCENE, "scene.png"), "use lamina render"),
        (("render", SCENE, "--camera", "test", "--out", "views"), "it holds no cameras"),
        (("render", SCENE, "--camera", "nowhere.json", "--out", "views"), "a JSON file that exists"),
        (("render", SCENE, "--camera", "train", "--out", "views"), "--capture FOLDER"),
        (("compare", SCENE, "."), "no capture"),
        (("compare", SCENE, ".", "--lpips", "vgg16.pth", "vgg.pth"), "vgg16.pth: cannot be read"),
    ],
)
def test_rejects_what_a_scene_does_not_have(run, tmp_path: Path, monkeypatch, words: tuple, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = run(*words)
    assert status == 1
    assert errors.count("\n") == 1
    assert said in errors
    assert not list(tmp_path.iterdir())


def test_rejects_one_picture_for_many_cameras(run, tmp_path: Path) -> None:
    cameras = tmp_path / "cameras.json"
    cameras.write_text(json.dumps({"cameras": [CAMERA] * 3}))
    status, _, errors = run("render", SCENE, "--camera", cameras, "--out", tmp_path / "view.png")
    assert status == 1
    assert "3 cameras do not fit into one picture" in errors


def test_pictures_have_no_cameras(run, tmp_path: Path, photo: Path) -> None:
    file = tmp_path / "photo.lam"
    assert run("encode", photo, file, "--preset", "fast", "--lattice.steps", 20, "--splats", 30, "--quiet")[0] == 0
    status, _, errors = run("render", file, "--camera", "orbit", "--out", tmp_path / "views")
    assert status == 1
    assert "use lamina decode" in errors
    status, _, errors = run("decode", file, tmp_path / "out.png", "--fit-steps", 0)
    assert status == 1
    assert "it has no fit steps" in errors


def test_choices_that_scenes_do_not_have_are_refused_before_anything_is_read(run, tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text("{}")
    status, _, errors = run("encode", tmp_path, tmp_path / "out.lam", "--psnr", "30")
    assert status == 2
    assert "--psnr means nothing to scene, which takes --bytes, --lambda" in errors
