# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from benchmarks.rivals.curves import (
    RatePoint,
    best_points,
    envelope,
    measured,
    points_from_json,
    points_to_json,
    quality_at,
    quality_of,
)


def point(size_bytes, psnr_db, ms_ssim=0.9):
    return RatePoint("made up", size_bytes, size_bytes / 1000, psnr_db, 0.8, ms_ssim)


def test_measured_is_the_mean_of_each_frames_psnr(pixels):
    off_by_one, off_by_four = pixels ^ 1, np.where(pixels < 128, pixels + 4, pixels - 4).astype(np.uint8)
    found = measured("two frames", 768, [pixels, pixels], [off_by_one, off_by_four])
    peak_db = 20 * math.log10(255)
    assert found.psnr == pytest.approx(peak_db - 20 * math.log10(4) / 2, abs=1e-4)
    assert found.bpp == 768 * 8 / (2 * 96 * 64)


def test_measured_puts_a_finite_number_on_identical_pixels(pixels):
    assert measured("lossless", 1, [pixels], [pixels]).psnr == 100.0


def test_measured_rejects_missing_frames(pixels):
    with pytest.raises(ValueError, match="shorter"):
        measured("one lost", 1, [pixels, pixels], [pixels])
    with pytest.raises(ValueError, match="no frames"):
        measured("nothing", 1, [], [])


def test_best_points_rise():
    kept = best_points([point(300, 31), point(100, 30), point(200, 29), point(100, 28), point(400, 33)])
    assert [(p.bytes, p.psnr) for p in kept] == [(100, 30), (300, 31), (400, 33)]


def test_envelope_takes_the_better_setting_at_each_size():
    flat, steep = [point(100, 30), point(1000, 31)], [point(100, 20), point(1000, 40)]
    assert [(p.bytes, p.psnr) for p in envelope([flat, steep])] == [(100, 30), (1000, 40)]


def test_quality_at_is_linear_in_log_bytes_and_none_outside():
    curve = [point(100, 30), point(10_000, 40)]
    assert quality_at(curve, 1000) == pytest.approx(35)
    assert quality_at(curve, 99) is None
    assert quality_at([], 100) is None


def test_quality_of_ms_ssim_is_in_db():
    assert quality_of(point(1, 30, ms_ssim=0.99), "ms_ssim") == pytest.approx(20)
    assert quality_of(point(1, 30, ms_ssim=1.0), "ms_ssim") == pytest.approx(60)
    assert quality_of(point(1, 30), "psnr") == 30


def test_json_round_trip_keeps_what_was_measured_and_ignores_other_facts():
    points = [point(100, 30), point(200, 31)]
    objects = points_to_json(points)
    assert "vmaf" not in objects[0]
    assert points_from_json([{**value, "command": "ffmpeg"} for value in objects]) == points
