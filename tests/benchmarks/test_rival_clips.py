# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from benchmarks.rivals import clips, ffmpeg_codecs
from benchmarks.rivals.ffmpeg_codecs import VIDEO_CODECS, VideoCodec, decode_video, encode_video, write_source

from lamina.data import clip_from_frames
from lamina.errors import BackendUnavailable
from lamina.metrics import psnr


@pytest.fixture(scope="module")
def clip(pixels):
    return clip_from_frames([np.roll(pixels, 2 * shift, axis=1) for shift in range(4)])


@pytest.mark.parametrize("name", VIDEO_CODECS)
def test_curve_has_quality_bits_by_type_and_the_command(name, clip):
    fine, coarse = clips.video_curve(clip, name, crf=(20, 45))
    assert fine["bytes"] > coarse["bytes"]
    assert fine["psnr"] > coarse["psnr"] > 12
    assert fine["vmaf"] > coarse["vmaf"]
    assert f"-c:v {VIDEO_CODECS[name].options[1]}" in fine["command"]
    kinds = fine["frame_bits"]
    assert kinds["I"]["frames"] >= 1
    assert sum(kind["frames"] for kind in kinds.values()) == 4
    if name.endswith("low_delay"):
        assert "B" not in kinds


def test_bits_by_type_add_up_to_the_file(clip, tmp_path):
    source = tmp_path / "source.y4m"
    write_source(clip, source)
    coded = encode_video(source, VIDEO_CODECS["x265_low_delay"], 30, tmp_path)
    total = sum(kind["frames"] * kind["bits_per_frame"] for kind in ffmpeg_codecs.bits_by_type(coded.path).values())
    assert total == pytest.approx(8 * coded.size_bytes, rel=0.02)


def test_lossless_video_differs_by_the_color_conversion_alone(clip, tmp_path):
    source = tmp_path / "source.y4m"
    write_source(clip, source)
    lossless = VideoCodec(".264", ("-c:v", "libx264", "-preset", "ultrafast"), (0,))
    coded = encode_video(source, lossless, 0, tmp_path)
    color = ffmpeg_codecs.source_color(clip)
    decoded = list(decode_video(coded.path, clip.width, clip.height, color))
    from lamina.data import open_clip

    converted = list(open_clip(source))
    assert len(decoded) == 4
    assert min(psnr(ours, theirs) for ours, theirs in zip(converted, decoded, strict=True)) > 60


def test_write_source_rejects_odd_sizes(pixels, tmp_path):
    with pytest.raises(ValueError, match="even sizes"):
        write_source(clip_from_frames([pixels[:63]]), tmp_path / "odd.y4m")


def test_encode_rejects_an_encoder_that_ffmpeg_lacks(clip, tmp_path):
    source = tmp_path / "source.y4m"
    write_source(clip, source)
    with pytest.raises(BackendUnavailable, match="libnothing"):
        encode_video(source, VideoCodec(".bin", ("-c:v", "libnothing"), (1,)), 1, tmp_path)
