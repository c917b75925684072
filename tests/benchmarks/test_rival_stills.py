# SPDX-License-Identifier: Apache-2.0
import pytest
from benchmarks.rivals import stills

from lamina.data import write_image
from lamina.metrics import psnr


@pytest.mark.parametrize("encode", [stills.encode_jpeg, stills.encode_avif, stills.encode_jpeg_xl])
def test_more_quality_costs_more_and_is_worth_more(encode, pixels):
    small, large = encode(pixels, 30), encode(pixels, 85)
    assert len(small) < len(large)
    assert 15 < psnr(pixels, stills.decode(small)) < psnr(pixels, stills.decode(large))


def test_jpeg_curve_rises_and_uses_both_chroma_formats(pixels, monkeypatch):
    monkeypatch.setattr(stills, "HIGHEST_BPP", 8.0)
    (curve,) = stills.jpeg_curve(pixels).values()
    assert [p.psnr for p in curve] == sorted(p.psnr for p in curve)
    assert {p.setting.split()[1] for p in curve} == {"4:2:0", "4:4:4"}


def test_measure_missing_measures_once(pixels, results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stills, "JPEG2000_BPP", (1.0, 2.0, 4.0))
    picture = tmp_path / "disk.png"
    write_image(picture, pixels)
    stills.measure_missing({"disk": picture}, ["jpeg2000"])
    curves = stills.read_curves("disk")
    assert set(curves) == {"jpeg2000_level0", "jpeg2000_level1", "jpeg2000"}
    assert [p.bpp for p in curves["jpeg2000"]] == pytest.approx([1, 2, 4], rel=0.15)
    picture.unlink()
    capsys.readouterr()
    stills.measure_missing({"disk": picture}, ["jpeg2000"])
    assert capsys.readouterr().out == ""


def test_kodak_pictures_rejects_a_name_that_is_not_there(tmp_path, monkeypatch, pixels):
    folder = tmp_path / "images" / "kodak"
    folder.mkdir(parents=True)
    write_image(folder / "kodim08.png", pixels)
    monkeypatch.setenv("LAMINA_DATA", str(tmp_path))
    assert list(stills.kodak_pictures()) == ["kodim08"]
    with pytest.raises(FileNotFoundError, match="kodim99; there are kodim08"):
        stills.kodak_pictures(["kodim99"])
