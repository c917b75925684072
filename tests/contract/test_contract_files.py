# SPDX-License-Identifier: Apache-2.0
"""What holds for the files of every codec: facts, levels, cuts, digests, models, views, quality, other formats."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.bitstream import cut_to_level, pack_stream, read_stream, write_stream
from lamina.bitstream.cutting import size_after_cut
from lamina.codec import Size
from lamina.errors import SignalError, TargetError
from lamina.media.digest import digest_units
from lamina.media.summary import summarize
from lamina.units import HEADER_LAYER, STREAM_HEADER, SeenBy
from samples import Sample


def test_the_file_says_what_it_is(sample: Sample, coded: Path) -> None:
    with read_stream(coded) as stream:
        header = stream.header_unit()
        assert header.key == STREAM_HEADER
        assert stream.facts == sample.codec.facts(header.payload)
        info = sample.codec.inspect(header.payload)
        assert stream.level_count == info.level_count
        assert stream.is_timed == info.is_timed
        assert stream.frame_count == sample.signal().frame_count
        assert stream.problems == ()


def test_every_byte_is_accounted_for(sample: Sample, coded: Path) -> None:
    with read_stream(coded) as stream:
        summary = summarize(stream)
        header = stream.header_unit()
        for unit in stream.units():
            assert sum(sample.codec.breakdown(header.payload, unit).values()) == len(unit.payload)
    assert sum(summary.parts.values()) == summary.size_bytes == coded.stat().st_size
    assert [level.size_bytes for level in summary.levels] == sorted(level.size_bytes for level in summary.levels)
    assert summary.levels[-1].size_bytes == summary.size_bytes
    assert summary.codecs == f"lam1.{sample.codec.name}.{sample.codec.version}"
    assert summary.problems == ()
    assert json.dumps(summary.as_json())


def test_a_cut_file_is_the_whole_file_at_that_level(coded: Path, tmp_path: Path) -> None:
    with lamina.open(coded) as whole:
        for level in range(whole.level_count):
            path = tmp_path / f"{level}.lam"
            size_bytes = write_stream(path, whole.stream.facts, cut_to_level(whole.stream, level))
            assert size_bytes == size_after_cut(whole.stream, level)
            with lamina.open(path) as cut:
                assert cut.level_count == level + 1
                last = whole.frame_count - 1
                np.testing.assert_array_equal(cut.render(frame=last), whole.render(frame=last, level=level))


def test_digests_are_of_units_and_a_cut_keeps_them(coded: Path) -> None:
    with read_stream(coded) as stream:
        whole = dict(digest_units(stream))
        assert set(whole) == {entry.key for entry in stream.entries}
        assert dict(digest_units(stream)) == whole
        base = read_stream(pack_stream(stream.facts, cut_to_level(stream, 0)))
        assert dict(digest_units(base)).items() <= whole.items()


def test_any_prefix_of_the_file_decodes_to_complete_models(sample: Sample, coded: Path) -> None:
    with read_stream(coded) as stream:
        units = list(stream.units())
    models = 0
    best: dict[int, int] = {}
    for model in sample.codec.decode(units):
        assert model.level == best.get(model.frame, -1) + 1, "a level comes after the one below"
        best[model.frame] = model.level
        models += 1
    assert models == sum(unit.frame_count for unit in units if unit.key.layer != HEADER_LAYER and unit.key.group >= 0)
    for count in range(1, len(units), max(len(units) // 7, 1)):
        shown = list(sample.codec.decode(units[:count]))
        assert len(shown) <= models
        if shown:
            pixels = sample.codec.render(shown[-1], shown[-1].view)
            assert pixels.ndim == 3
            assert bool(pixels.isfinite().all())


def test_models_sign_their_protocol(coded: Path) -> None:
    with lamina.open(coded) as media:
        for level in range(media.level_count):
            models = list(media.models(level=level))
            assert [model.frame for model in models] == list(range(media.frame_count))
            assert {model.level for model in models} == {level}
            assert all(count >= 0 and name for name, count in models[0].counts.items())
            by_camera = media.info.seen_by == SeenBy.CAMERA
            assert isinstance(models[0].view, Size) != by_camera
            assert bool(models[0].cameras) == (by_camera or media.info.has_cameras) or by_camera
        below, above = media.model(level=0), media.model()
        assert sum(above.counts.values()) >= sum(below.counts.values())


def test_a_view_of_the_right_kind_gives_pixels_of_its_size(coded: Path) -> None:
    with lamina.open(coded) as media:
        own = media.model().view
        pixels = media.render(own)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (own.height, own.width, 3)
        np.testing.assert_array_equal(media.render(), pixels)
        if isinstance(own, Size):
            assert media.render(Size(31, 17)).shape == (17, 31, 3)
            assert media.decode(size=(31, 17)).shape[-3:] == (17, 31, 3)
        else:
            assert media.render(own.resized(31, 17)).shape == (17, 31, 3)
            assert len(media.cameras()) == len(media.model().cameras)


def test_what_is_shown_is_what_is_rendered(sample: Sample, coded: Path) -> None:
    with lamina.open(coded) as media:
        model = media.model()
        own = model.view
        for view in (own, Size(31, 17) if isinstance(own, Size) else own.resized(31, 17)):
            rendered = sample.codec.render(model, view).float().cpu().numpy()
            if sample.codec.show is not None:
                shown = sample.codec.show(model, view)
                assert shown.dtype == np.float32
                np.testing.assert_allclose(shown, rendered, rtol=0, atol=1e-6)
            pixels = np.clip(np.rint(rendered * 255), 0, 255).astype(np.int64)
            assert np.abs(media.render(view, model=model) - pixels).max() <= (view is not own)


def test_rejects_views_levels_frames_and_sizes_that_are_not_there(coded: Path) -> None:
    with lamina.open(coded) as media:
        own = media.model().view
        if isinstance(own, Size):
            camera = lamina.Camera(np.eye(4), 9.0, 9.0, 4.0, 4.0, 8, 8)
            if media.info.has_cameras:
                assert media.render(camera).shape == (8, 8, 3)
            else:
                with pytest.raises(TargetError, match="no camera looks at"):
                    media.render(camera)
            with pytest.raises(TargetError, match="megapixels"):
                media.render(Size(10**6, 10**6))
        else:
            with pytest.raises(TargetError, match="look at it with a camera"):
                media.decode()
            with pytest.raises(TargetError, match="look at it with a camera"):
                media.render(Size(8, 8))
        with pytest.raises(TargetError, match="level 99"):
            media.render(level=99)
        with pytest.raises(TargetError, match="frames 99:100"):
            media.render(frame=99)


def test_comparing_is_one_loop_over_looks(sample: Sample, coded: Path) -> None:
    looks = list(sample.signal().looks())
    with lamina.open(coded) as media:
        levels = list(lamina.compare(media, sample.signal()))
        assert [level.bytes for level in levels] == [size_after_cut(media.stream, k) for k in range(len(levels))]
        for below, above in pairwise(levels):
            assert above.psnr >= below.psnr
        assert {level.looks for level in levels} == {len(looks)}
        assert (levels[0].kilobits_per_second is not None) == media.info.is_timed
        assert (levels[0].bpp is not None) == (media.info.seen_by == SeenBy.SIZE)
        assert json.dumps(levels[0].as_json())


def test_comparing_rejects_another_kind_of_source(coded: Path) -> None:
    from puppets import Play

    with lamina.open(coded) as media:
        other = lamina.Picture(np.zeros((8, 9, 3), np.uint8))
        if media.info.seen_by == SeenBy.CAMERA:
            with pytest.raises(SignalError, match="a picture, but"):
                list(lamina.compare(media, other))
        else:
            with pytest.raises(SignalError, match="9x8"):
                list(lamina.compare(media, other))
            with pytest.raises(SignalError, match="a timed capture, but"):
                list(lamina.compare(media, Play(2)))


def test_it_leaves_in_the_formats_of_others(sample: Sample, coded: Path, tmp_path: Path) -> None:
    with lamina.open(coded) as media:
        if media.info.seen_by == SeenBy.SIZE:
            name = "out.y4m" if media.info.is_timed else "out.png"
            exported = lamina.export(media, tmp_path / name)
            assert exported.path.stat().st_size > 0
            assert exported.level == media.level_count - 1
            return
        assert sample.codec.export is not None
        suffix = sample.codec.export.suffixes[0]
        exported = lamina.export(media, tmp_path / f"one{suffix}", frames=(0, 1), fit_steps=0)
        assert exported.path.stat().st_size > 0
        with pytest.raises(SignalError, match="use lamina render"):
            lamina.export(media, tmp_path / "out.png")
        if media.info.is_timed:
            lamina.export(media, tmp_path / "frames", fit_steps=0, level=0)
            assert len(list((tmp_path / "frames").glob(f"frame*{suffix}"))) == media.frame_count
            with pytest.raises(SignalError, match="use a folder"):
                lamina.export(media, tmp_path / f"all{suffix}")


def test_the_command_line_serves_it(sample: Sample, coded: Path, tmp_path: Path, run) -> None:
    status, output, _ = run("info", coded, "--json")
    facts = json.loads(output)
    assert status == 0
    assert facts["codec"] == sample.codec.name
    assert run("info", coded)[0] == 0
    assert run("cut", coded, tmp_path / "cut.lam", "--level", 0)[0] == 0
    assert (tmp_path / "cut.lam").stat().st_size == facts["levels"][0]["size_bytes"]
    assert run("digest", coded, "--total")[0] == 0
    if facts["seen_by"] == "camera":
        status, output, _ = run(
            "render", coded, "--frames", "0", "--camera", "orbit", "--out", tmp_path / "v", "--quiet"
        )
        if facts["frames_per_second"]:
            assert status == 0
            film = tmp_path / "film.y4m"
            assert run("render", coded, "--out", film, "--size", "16x12", "--quiet")[0] == 0
            assert f"{facts['frame_count']} views" in run("render", coded, "--out", film, "--quiet")[1]
        assert run("decode", coded, tmp_path / "out.png")[0] == 1
    else:
        name = "out.y4m" if facts["frames_per_second"] else "out.png"
        assert run("decode", coded, tmp_path / name, "--quiet")[0] == 0
        with lamina.open(coded) as media:
            has_cameras = media.info.has_cameras
        assert run("render", coded, "--frames", "0", "--out", tmp_path / "v", "--quiet")[0] == 1 - has_cameras
