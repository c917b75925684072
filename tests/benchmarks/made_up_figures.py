# SPDX-License-Identifier: Apache-2.0
"""Figures as `measure_lamina` writes them, with known relations between the curves."""

import math


def quality_db(bpp: float) -> float:
    """A curve of 5 dB for each doubling of the rate."""
    return 35 + 5 * math.log2(bpp)


def level(number: int, bpp: float, gain_db: float) -> dict:
    return {
        "level": number,
        "setting": "made up",
        "bytes": round(bpp * 49_152),
        "bpp": bpp,
        "psnr": quality_db(bpp) + gain_db,
        "ssim": 0.8,
        "ms_ssim": 0.9 + bpp / 20,
        "splats": 1000,
        "decode_ms": 30.0,
    }


def still_figures(gain_db: float, pictures=("kodim01", "kodim02"), targets=(0.2, 0.4, 0.6), shares=(0.2, 0.5, 1.0)):
    """Levels at fixed shares of the bytes, all `gain_db` over `quality_db`."""
    return {
        picture: {
            f"bpp={target:g}": {
                "encode_s": 40.0,
                "levels": [level(number, target * share, gain_db) for number, share in enumerate(shares)],
            }
            for target in targets
        }
        for picture in pictures
    }


def rival_figures(pictures=("kodim01", "kodim02")):
    """Every rival on `quality_db` itself."""
    curve = [level(0, bpp, 0.0) for bpp in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2)]
    return {picture: {name: curve for name in ("jpeg2000", "jpeg", "avif", "jpeg_xl")} for picture in pictures}


def clip_figures(clip="akiyo"):
    kinds = {
        "I": {"frames": 1, "bits_per_frame": 50_000, "splats_per_frame": 1250, "bits_per_splat": 40.0},
        "P": {"frames": 29, "bits_per_frame": 5_000, "splats_per_frame": 1250, "bits_per_splat": 4.0},
    }
    levels = [
        {**level(number, bpp, 0.0), "vmaf": 60.0 + 10 * number, "frame_bits": kinds, "decode_fps": 50.0}
        for number, bpp in enumerate((0.02, 0.05, 0.1))
    ]
    for entry in levels:
        del entry["decode_ms"]
    return {clip: {"bpp=0.1": {"encode_s": 60.0, "encode_s_per_frame": 2.0, "frame_count": 30, "levels": levels}}}
