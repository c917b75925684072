# SPDX-License-Identifier: Apache-2.0
"""Speed of metrics and of color conversion at 1080p; prints a table and writes benchmarks/results/metrics_speed.json.

    python -m benchmarks.metrics_speed [--repeats 15]

The fastest run counts: other work on the same cores can only add to it. One frame: a deterministic picture with
texture, and its copy with errors; times do not depend on what is seen. Where pytorch-msssim is installed (it is no
dependency), it is timed on the same frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from benchmarks.run_log import write_result

from lamina.data import default_color, downsample_area, rgb_to_yuv, yuv_to_rgb
from lamina.metrics import ms_ssim, psnr, ssim

WIDTH_PX, HEIGHT_PX = 1920, 1080


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="the fastest of this many runs counts")
    repeats = parser.parse_args().repeats
    reference, decoded = test_frames()
    figures = {name: best_ms(job, repeats) for name, job in jobs(reference, decoded).items()}
    figures.update(rival_ms(reference, decoded))
    for name, value in figures.items():
        print(f"{name:28s} {value:9.1f}")
    settings = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "repeats": repeats, "figure": "fastest run, milliseconds"}
    print(write_result("metrics_speed", settings, figures))


def test_frames() -> tuple[np.ndarray, np.ndarray]:
    """A textured 8-bit RGB frame, and a noisy copy."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)
    waves = [128 + 60 * np.sin(row / (9 + k)) * np.cos(column / (17 - k)) for k in range(3)]
    reference = np.stack(waves, axis=2) + rng.normal(0, 12, (HEIGHT_PX, WIDTH_PX, 3))
    noisy = reference + rng.normal(0, 6, reference.shape)
    return tuple(np.clip(frame, 0, 255).astype(np.uint8) for frame in (reference, noisy))


def jobs(reference: np.ndarray, decoded: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is timed, by the name of its figure."""
    color = default_color(HEIGHT_PX)
    planes = rgb_to_yuv(reference, color)
    floats = reference.astype(np.float32)
    return {
        "psnr_ms": lambda: psnr(reference, decoded),
        "ssim_ms": lambda: ssim(reference, decoded),
        "ms_ssim_ms": lambda: ms_ssim(reference, decoded),
        "ms_ssim_luma_ms": lambda: ms_ssim(reference, decoded, luma=True),
        "rgb_to_yuv420_ms": lambda: rgb_to_yuv(reference, color),
        "yuv420_to_rgb_ms": lambda: yuv_to_rgb(*planes, color),
        "downsample_area_to_720p_ms": lambda: downsample_area(floats, 720, 1280),
    }


def rival_ms(reference: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """pytorch-msssim on the same frame, once; empty where it is not installed."""
    try:
        import torch
        from pytorch_msssim import ms_ssim as rival
    except ImportError:
        return {}
    first, second = (torch.tensor(x).permute(2, 0, 1)[None].float() for x in (reference, decoded))
    difference = abs(float(rival(first, second, data_range=255)) - ms_ssim(reference, decoded))
    assert difference < 1e-4, f"MS-SSIM differs from pytorch-msssim by {difference}"
    return {"pytorch_msssim_ms_ssim_ms": best_ms(lambda: rival(first, second, data_range=255), 1)}


def best_ms(job: Callable[[], object], repeats: int) -> float:
    """Least wall-clock time of a run, milliseconds, after one run to compile."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append((time.perf_counter() - start) * 1000)
    return round(min(times), 2)


if __name__ == "__main__":
    main()
