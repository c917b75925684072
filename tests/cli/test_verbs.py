# SPDX-License-Identifier: Apache-2.0
"""Each verb does what its help says, whatever the codec."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lamina
from lamina.bitstream import Stream
from lamina.data import open_clip, read_image
from lamina.units import HEADER_LAYER

pytestmark = pytest.mark.usefixtures("mosaic")


@pytest.fixture
def still(run, photo: Path) -> Path:
    path = photo.with_suffix(".lam")
    assert run("encode", photo, path, "--quiet")[0] == 0
    return path


@pytest.fixture
def moving(run, clip: Path) -> Path:
    path = clip.with_suffix(".lam")
    assert run("encode", clip, path, "--group-frames", 4, "--quiet")[0] == 0
    return path


def test_encode_says_what_each_level_costs(run, photo: Path) -> None:
    status, output, _ = run("encode", photo, photo.with_suffix(".lam"), "--layers", 2)
    assert status == 0
    assert "56x40" in output
    assert [line.split()[0] for line in output.splitlines()[2:]] == ["0", "1"]
    assert not photo.with_name("photo.lam.part").exists()


def test_encode_names_its_output_after_the_source(run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photo.parent)
    assert run("encode", "photo.png", "--quiet")[0] == 0
    assert (photo.parent / "photo.lam").is_file()


def test_decode_gives_the_pixels_of_the_best_level(run, still: Path, pixels: np.ndarray) -> None:
    output = still.with_name("out.png")
    assert run("decode", still, output)[0] == 0
    assert np.array_equal(read_image(output).pixels, pixels)


def test_decode_gives_a_level_at_any_size(run, still: Path) -> None:
    output = still.with_name("out.png")
    status, said, _ = run("decode", still, output, "--level", 0, "--size", "100x30")
    assert status == 0
    assert Image.open(output).size == (100, 30)
    assert "level 0 of 0...2" in said


@pytest.mark.parametrize("name", ["out.y4m", "out.mp4", "out.mkv", "out.gif", "folder/"])
def test_decode_writes_clips(run, moving: Path, name: str) -> None:
    output = moving.parent / name
    assert run("decode", moving, output, "--quiet")[0] == 0
    decoded = list(open_clip(output))
    assert len(decoded) == 10
    assert decoded[0].shape == (40, 56, 3)


def test_decode_reads_only_the_groups_of_the_frames(run, moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    unit = Stream.unit
    monkeypatch.setattr(Stream, "unit", lambda self, entry: read.append(entry.key) or unit(self, entry))
    output = moving.with_name("part.y4m")
    assert run("decode", moving, output, "--frames", "5:7", "--quiet")[0] == 0
    assert open_clip(output).frame_count == 2
    assert {key.group for key in read if key.layer != HEADER_LAYER} == {1}
    assert max(key.frame for key in read) == 6


def test_frames_are_those_of_the_whole_clip(moving: Path) -> None:
    media = lamina.open(moving)
    whole = media.decode()
    assert whole.shape == (10, 40, 56, 3)
    assert np.array_equal(np.stack(list(media.frames(3, 9))), whole[3:9])


def test_decode_writes_one_frame_of_a_clip_as_a_picture(run, moving: Path) -> None:
    output = moving.with_name("frame.png")
    assert run("decode", moving, output, "--frames", "6")[0] == 0
    assert np.array_equal(read_image(output).pixels, lamina.open(moving).decode()[6])


def test_info_sums_to_the_size_of_the_file(run, moving: Path) -> None:
    status, output, _ = run("info", moving, "--json")
    facts = json.loads(output)
    assert status == 0
    assert facts["size_bytes"] == moving.stat().st_size == sum(facts["parts"].values())
    assert facts["levels"][-1]["size_bytes"] == facts["size_bytes"]
    assert [group["first_frame"] for group in facts["groups"]] == [0, 4, 8]
    assert (facts["kind"], facts["width"], facts["height"], facts["frame_count"]) == ("video", 56, 40, 10)


def test_info_says_for_people_what_it_is(run, still: Path) -> None:
    status, output, _ = run("info", still)
    assert status == 0
    assert "image, 56x40" in output
    assert "where the bytes go" in output


def test_cut_to_a_level_gives_the_bytes_that_info_said(run, moving: Path) -> None:
    said = json.loads(run("info", moving, "--json")[1])["levels"][1]["size_bytes"]
    small = moving.with_name("small.lam")
    assert run("cut", moving, small, "--level", 1)[0] == 0
    assert small.stat().st_size == said
    assert np.array_equal(lamina.open(small).decode(), lamina.open(moving).decode(level=1))


def test_cut_to_bytes_fits(run, moving: Path) -> None:
    small = moving.with_name("small.lam")
    limit = moving.stat().st_size * 2 // 3
    assert run("cut", moving, small, "--bytes", limit)[0] == 0
    assert small.stat().st_size <= limit
    assert lamina.open(small).decode().shape == (10, 40, 56, 3)


def test_compare_measures_every_level(run, still: Path, photo: Path) -> None:
    status, output, _ = run("compare", still, photo, "--json")
    levels = json.loads(output)["levels"]
    assert status == 0
    assert [level["bytes"] for level in levels] == sorted(level["bytes"] for level in levels)
    assert levels[-1]["bytes"] == still.stat().st_size
    assert levels[0]["psnr"] < levels[1]["psnr"] < levels[2]["psnr"] == 100.0
    assert levels[-1]["ssim"] == pytest.approx(1.0)
    assert levels[0]["vmaf"] is None


def test_compare_measures_clips(run, moving: Path, clip: Path) -> None:
    status, output, _ = run("compare", moving, clip, "--quiet")
    rows = [line.split() for line in output.splitlines()[1:]]
    assert status == 0
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert rows[-1][-4] == "100.00"


def test_compare_plots_clips_and_nothing_that_stands_still(
    run, moving: Path, clip: Path, still: Path, photo: Path
) -> None:
    plot = clip.with_name("plot.png")
    assert run("compare", moving, clip, "--plot", plot, "--quiet")[0] == 0
    assert Image.open(plot).size == (960, 480)
    plot.unlink()
    status, _, errors = run("compare", still, photo, "--plot", plot, "--quiet")
    assert status == 1
    assert "what stands still has no frames to plot" in errors
    assert not plot.exists()


def test_digest_is_the_same_for_a_cut_file(run, moving: Path) -> None:
    small = moving.with_name("small.lam")
    run("cut", moving, small, "--level", 0)
    whole, base = (run("digest", path)[1].splitlines() for path in (moving, small))
    assert len(whole) == 1 + 30 + 1
    assert set(base[:-1]) < set(whole)
    assert base[-1] != whole[-1]


def test_arrays_are_coded_like_files(tmp_path: Path, pixels: np.ndarray) -> None:
    media = lamina.encode(pixels, tmp_path / "array.lam", layers=2)
    assert media.level_count == 2
    assert np.array_equal(media.decode(), pixels)
    grey = lamina.encode(pixels[:, :, 0], tmp_path / "grey.lam")
    assert np.array_equal(grey.decode(), np.repeat(pixels[:, :, :1], 3, axis=2))
    frames = lamina.encode([pixels, pixels[::-1]], tmp_path / "clip.lam")
    assert frames.decode().shape == (2, 40, 56, 3)


def test_encode_reads_raw_video_and_parts_of_clips(run, tmp_path: Path, pixels: np.ndarray) -> None:
    raw = tmp_path / "raw.yuv"
    raw.write_bytes(np.full(56 * 40 * 3 // 2 * 7, 128, np.uint8).tobytes())
    how = ("--size", "56x40", "--pixel-format", "yuv420p", "--fps", 12, "--frames", "2:5", "--quiet")
    assert run("encode", raw, tmp_path / "raw.lam", *how)[0] == 0
    media = lamina.open(tmp_path / "raw.lam")
    assert media.decode().shape == (3, 40, 56, 3)
    assert media.info.frames_per_second == 12
    status, output, _ = run("compare", tmp_path / "raw.lam", raw, *how, "--json")
    assert status == 0
    assert json.loads(output)["levels"][-1]["psnr"] == 100.0


def test_encode_reads_a_folder_of_pictures(run, tmp_path: Path, pixels: np.ndarray) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (10, 9, 1):
        Image.fromarray(np.roll(pixels, number, axis=0)).save(folder / f"{number}.png")
    assert run("encode", folder, tmp_path / "folder.lam", "--quiet")[0] == 0
    assert np.array_equal(lamina.open(tmp_path / "folder.lam").decode()[1], np.roll(pixels, 9, axis=0))


def test_knobs_of_the_configuration_are_options(run, photo: Path) -> None:
    status, output, _ = run("encode", "--knobs")
    assert status == 0
    assert "--work.steps" in output
    path = photo.with_suffix(".lam")
    assert run("encode", photo, path, "--level-count", 2, "--work.steps", 9, "--quiet")[0] == 0
    assert lamina.open(path).level_count == 2
