# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from benchmarks.measure_lamina import EncoderSettings, Target, frame_bits, level_files, measure_still

import lamina
from lamina.units import STREAM_HEADER, UnitKey


@pytest.fixture(scope="module")
def coded(pixels, tmp_path_factory):
    path = tmp_path_factory.mktemp("measure") / "disk.lam"
    return measure_still(pixels, EncoderSettings("fast", layers=2), Target(splats=80), path), path


def test_levels_are_measured_from_files_that_grow_to_the_whole_one(coded):
    result, path = coded
    base, top = result["levels"]
    assert base["bytes"] < top["bytes"] == path.stat().st_size
    assert base["psnr"] < top["psnr"]
    assert base["splats"] < top["splats"]
    assert top["bpp"] == pytest.approx(8 * top["bytes"] / (96 * 64), rel=1e-4)
    assert min(result["encode_s"], result["encode_cpu_s"], top["decode_ms"]) > 0


def test_level_files_decode_alone_to_their_level(coded):
    _, path = coded
    with lamina.open(path) as media:
        for level, file in level_files(path):
            with lamina.open(file) as cut:
                assert cut.level_count == level + 1
                assert (cut.decode() == media.decode(level=level)).all()


def test_level_files_rejects_damage(coded):
    _, path = coded
    damaged = path.with_name("damaged.lam")
    damaged.write_bytes(path.read_bytes()[:20])
    with pytest.raises(lamina.BitstreamError):
        list(level_files(damaged))


def test_frame_bits_count_headers_to_the_key_frame_of_their_group():
    lengths = {
        STREAM_HEADER: 10,
        UnitKey(0, 0, 0): 100,
        UnitKey(0, 1, 0): 200,
        UnitKey(0, 0, 1): 20,
        UnitKey(1, -1, 2): 5,
        UnitKey(1, 0, 2): 85,
        UnitKey(1, 0, 3): 40,
    }
    media = SimpleNamespace(
        stream=SimpleNamespace(entries=[SimpleNamespace(key=key, length=size) for key, size in lengths.items()]),
        models=lambda: [SimpleNamespace(frame=frame, gaussians=range(50)) for frame in range(4)],
    )
    found = frame_bits(media)
    assert found["I"] == {"frames": 2, "bits_per_frame": 1600.0, "splats_per_frame": 50.0, "bits_per_splat": 32.0}
    assert found["P"] == {"frames": 2, "bits_per_frame": 240.0, "splats_per_frame": 50.0, "bits_per_splat": 4.8}


def test_targets_and_their_names():
    assert str(Target(bits_per_pixel=0.42)) == "bpp=0.42"
    assert str(Target(splats=9000)) == "splats=9000"
