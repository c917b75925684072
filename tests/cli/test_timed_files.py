# SPDX-License-Identifier: Apache-2.0
"""The verbs on what is timed and seen through cameras, whatever the codec."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import lamina


def test_an_orbit_is_filmed_while_time_goes_on(run, play: Path, tmp_path: Path) -> None:
    film = tmp_path / "orbit.y4m"
    words = ("render", play, "--camera", "orbit", "--frames", "2:10", "--out", film, "--quiet")
    status, output, _ = run(*words, "--level", 0)
    assert status == 0
    assert output.startswith(f"{film}: level 0 of 0...1, 8 views, frames 2...9, 40x32, ")
    assert lamina.open_clip(film).frames_per_second == 25
    assert run(*words, "--fps", 50)[1].split(", ")[1:3] == ["16 views", "frames 2...9"]
    clip = lamina.open_clip(film)
    assert (clip.frame_count, clip.frames_per_second) == (16, 50)
    assert "20 views, frame 5," in run(*words[:4], "--frames", 5, "--views", 20, *words[6:])[1]


def test_cameras_of_the_file_are_filmed_one_by_one_or_one_is_chosen(run, play: Path, tmp_path: Path) -> None:
    words = ("render", play, "--frames", "2:5", "--quiet", "--out")
    assert "9 views, frames 2...4" in run(*words, tmp_path / "rig.y4m", "--camera", "test")[1]
    assert "3 views, frames 2...4" in run(*words, tmp_path / "views", "--camera", "test:2")[1]
    assert [file.name for file in sorted((tmp_path / "views").iterdir())] == [f"frame_000{k}.png" for k in (2, 3, 4)]
    status, _, errors = run(*words, tmp_path / "none.y4m", "--camera", "test:3")
    assert status == 1
    assert errors.count("\n") == 1
    assert "--camera test:3: expected numbers 0...2" in errors


def test_a_path_with_moments_is_filmed(run, play: Path, tmp_path: Path) -> None:
    camera = {"size_px": [24, 18], "focal_px": 20.0, "target": [0, 0, 0]}
    moments = [{"position": [3, 0, 1], "time_s": 0, "frame": 4}, {"position": [3, 2, 1], "time_s": 1, "frame": 9}]
    path = tmp_path / "path.json"
    path.write_text(json.dumps({"cameras": [camera | moment for moment in moments]}))
    status, output, _ = run("render", play, "--camera", path, "--out", tmp_path / "film.y4m", "--quiet")
    assert status == 0
    assert "26 views, frames 4...9, 24x18" in output


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--frames", "17:19"), "frames 17:19 were asked for, the file has frames 0:18"), (("--fps", "0"), "above 0")],
)
def test_rejects_films_that_cannot_be(run, play: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    status, _, errors = run("render", play, "--out", tmp_path / "film.y4m", *words)
    assert status in (1, 2)
    assert errors.count("\n") == 1
    assert said in errors
    assert not (tmp_path / "film.y4m").exists()


def test_a_model_a_frame_is_decoded_into_a_folder(run, play: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    status, output, _ = run("decode", play, folder, "--level", 0, "--frames", "10:12", "--format", "xyz", "--quiet")
    assert status == 0
    assert output == f"{folder}: level 0 of 0...1, 2 frames of .xyz, the last of 5 dots\n"
    assert sorted(file.name for file in folder.iterdir()) == ["frame0010.xyz", "frame0011.xyz"]
    status, _, errors = run("decode", play, folder, "--format", "ply")
    assert status == 1
    assert errors.count("\n") == 1
    assert "no frame can be written as .ply; expected .xyz" in errors


def test_info_says_what_a_viewer_receives(run, play: Path) -> None:
    facts = json.loads(run("info", play, "--json")[1])["delivery"]
    status, output, _ = run("info", play)
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if "sent once" in line)
    assert status == 0
    assert lines[start].split("   ")[-4:] == ["sent once", "first frame", "kB a frame after it", "kbit/s after it"]
    for level, line in zip(facts["levels"], lines[start + 1 :], strict=False):
        assert line.split()[0] == str(level["level"])
        assert line.split()[-2] == f"{level['frame_bytes'] / 1000:.3f}"
    assert "a viewer can join at 2 frames, at most 0.48 s apart: 0, 12" in output
    assert "takes more than one that goes on: 11 bytes at level 0, 11 bytes at level 1" in output
    assert [join["frame"] for join in facts["joins"]] == [0, 12]


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is read as what the file was made from."""
    from puppets import Play

    from lamina.media import sources

    folder = tmp_path / "game"
    folder.mkdir()
    monkeypatch.setattr(sources, "medium_of_path", lambda path, follow=False: "timed capture")
    monkeypatch.setattr(sources, "signal_of", lambda path, options=None: Play(18))
    return folder


def test_compare_tells_first_frame_later_frames_and_what_moves_apart(run, play: Path, source: Path) -> None:
    status, output, _ = run("compare", play, source, "--quiet")
    tables = [block.splitlines() for block in output.split("\n\n")]
    assert status == 0
    assert [len(table) for table in tables] == [3, 3, 3]
    assert tables[1][0].split("   ")[0].strip() == "first frame"
    for name in ("kB a frame", "kbit/s", "SSIM", "moving dB", "corrected dB", "corrected moving"):
        assert name in tables[2][0]
    facts = json.loads(run("compare", play, source, "--json", "--quiet")[1])["levels"]
    after = facts[0]["over_time"]["after"]
    assert tables[2][1].split()[3] == f"{after['psnr']:.2f}"
    assert tables[2][1].split()[5] == f"{after['moving_psnr']:.2f}"
    assert tables[1][2].split()[1] == f"{facts[1]['delivery']['start_bytes'] / 1000:.2f}"


def test_compare_plots_quality_over_frames(run, play: Path, source: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    assert run("compare", play, source, "--plot", plot, "--quiet")[0] == 0
    assert lamina.read_image(plot).width == 960
    status, _, errors = run("compare", play, source, "--plot", tmp_path / "plot.pdf")
    assert status == 1
    assert errors.count("\n") == 1
    assert "plots are written as .png" in errors


def test_encode_takes_a_bit_rate_and_options_of_any_timed_codec(run, puppets, source: Path, monkeypatch) -> None:
    from puppets import Play

    configs = []
    fit = puppets.fit

    def watched(signal, config, session):
        configs.append(config)
        yield from fit(signal, config, session)

    monkeypatch.setattr("lamina.codecs.CODECS", (replace(puppets, fit=watched),))
    output = source.with_name("game.lam")
    words = ("encode", source, output, "--kbps", 800, "--group-frames", 3, "--levels", 1, "--quiet")
    status, _, errors = run(*words)
    assert errors == ""
    assert status == 0
    assert (configs[0].rate, configs[0].group_frames, configs[0].level_count) == (800_000.0, 3, 1)
    with lamina.open(output) as media:
        assert [place.frame_count for place in media.stream.places[1:]] == [3] * 6
    lamina.encode(Play(18), output, bits_per_second=5e5, group_frames=9).close()
    assert (configs[1].rate, configs[1].group_frames) == (500_000.0, 9)
    status, _, errors = run(*words[:3], "--bytes", "24k")
    assert status == 2
    assert errors.count("\n") == 1
    assert "--bytes" in errors


def test_cut_and_digest_serve_what_is_timed(run, play: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.lam"
    assert run("cut", play, small, "--level", 0)[0] == 0
    whole, base = (run("digest", path)[1].splitlines()[:-1] for path in (play, small))
    assert set(base) < set(whole)
    facts = json.loads(run("info", small, "--json")[1])["delivery"]["levels"]
    assert facts == json.loads(run("info", play, "--json")[1])["delivery"]["levels"][:1]
