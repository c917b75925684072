# SPDX-License-Identifier: Apache-2.0
import pytest
from benchmarks.measure_lamina import EncoderSettings
from benchmarks.result_files import read_figures
from made_up_figures import still_figures

from benchmarks import rate_distortion
from lamina.data import write_image


@pytest.fixture
def pictures(tmp_path, monkeypatch, pixels):
    folder = tmp_path / "images" / "kodak"
    folder.mkdir(parents=True)
    write_image(folder / "kodim08.png", pixels)
    monkeypatch.setenv("LAMINA_DATA", str(tmp_path))
    return folder


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["rate_distortion.py", *arguments])
    rate_distortion.main()


def test_a_run_goes_on_where_it_was(pictures, results, monkeypatch, capsys, tmp_path):
    measured = []

    def measure_still(pixels, settings, target, path):
        measured.append((settings.preset, str(target), path.name))
        return still_figures(gain_db=0.0, pictures=("x",))["x"]["bpp=0.2"]

    monkeypatch.setattr(rate_distortion, "measure_still", measure_still)
    run(monkeypatch, "stills", "--preset", "fast", "--bpp", "0.2", "--work", str(tmp_path))
    run(monkeypatch, "stills", "--preset", "fast", "--bpp", "0.2", "0.4", "--work", str(tmp_path))
    assert measured == [("fast", f"bpp={bpp}", f"kodim08_bpp={bpp}.lam") for bpp in ("0.2", "0.4")]
    assert set(read_figures("stills_fast")["kodim08"]) == {"bpp=0.2", "bpp=0.4"}
    assert "Pictures, preset fast" in capsys.readouterr().out


def test_single_layer_runs_have_their_own_rates_and_file(pictures, results, monkeypatch, tmp_path):
    monkeypatch.setattr(
        rate_distortion,
        "measure_still",
        lambda *_: still_figures(gain_db=0.0, pictures=("x",), shares=(1.0,))["x"]["bpp=0.2"],
    )
    run(monkeypatch, "stills", "--single-layer", "--work", str(tmp_path))
    targets = read_figures("stills_default_single")["kodim08"]
    assert set(targets) == {f"bpp={value:g}" for value in rate_distortion.SINGLE_LAYER_BPP}


def test_result_names_tell_runs_apart():
    assert rate_distortion.result_name("stills", EncoderSettings()) == "stills_default"
    assert rate_distortion.result_name("stills", EncoderSettings(layers=1)) == "stills_default_single"
    assert rate_distortion.result_name("clips", EncoderSettings("fast", 2, "resolution")) == (
        "clips_fast_resolution_2layers"
    )


def test_rejects_a_picture_that_is_not_there(pictures, results, monkeypatch):
    with pytest.raises(FileNotFoundError, match="kodim01"):
        run(monkeypatch, "stills", "--pictures", "kodim01")
