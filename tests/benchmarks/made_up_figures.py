# SPDX-License-Identifier: Apache-2.0
"""Figures as `measure_lamina` writes them, with known relations between the curves."""

import math

from benchmarks.result_files import add_figures


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


def scene_file(sizes_kb, qualities_db):
    """What `scenes.measure` finds: sizes and PSNR by level, the rest in step with them."""
    sizes = [round(1000 * size) for size in sizes_kb]
    levels = [
        {
            "level": number,
            "bytes": size,
            "anchors": size // 20,
            "gaussians": size // 10,
            "views": 8,
            "psnr": quality,
            "ssim": quality / 40,
            "views_per_s": 30.0,
        }
        for number, (size, quality) in enumerate(zip(sizes, qualities_db, strict=True))
    ]
    return {
        "encode_s": 600.0,
        "encode_cpu_s": 1100.4,
        "encode_peak_mb": 1200,
        "decode_s": 0.5,
        "decode_peak_mb": 400,
        "tree_bits_per_anchor": 2.75,
        "parts": {"tree": sizes[-1] // 4, "features": sizes[-1] - sizes[-1] // 4},
        "levels": levels,
    }


def scene_figures(captures=("bonsai",)):
    """Whole files of 100, 200 and 400 kB at 24, 26 and 28 dB: 2 dB for each doubling."""
    whole = {"lambda=0.004": (100, 24.0), "lambda=0.002": (200, 26.0), "lambda=0.001": (400, 28.0)}
    return {
        capture: {
            setting: scene_file((size / 8, size / 2, size), (quality - 6, quality - 3, quality))
            for setting, (size, quality) in whole.items()
        }
        for capture in captures
    }


def one_level_figures(captures=("bonsai",)):
    """The curve of `scene_figures` with 10 % fewer bytes, one lambda less."""
    whole = {"lambda=0.004": (90, 24.0), "lambda=0.002": (180, 26.0)}
    return {
        capture: {setting: scene_file((size,), (quality,)) for setting, (size, quality) in whole.items()}
        for capture in captures
    }


def splat_file_figures(gaussians, size_kb, psnr_db):
    found = {"bytes": 1000 * size_kb, "psnr": psnr_db, "write_s": 1.0}
    return {"gaussians": gaussians, "degree": 2, "reference": "bonsai", "ply": found, "spz": found}


def plain_figures(gaussians, psnr_db):
    return {
        "gaussians": gaussians,
        "degree": 3,
        "psnr": psnr_db,
        "ssim": 0.8,
        "train_psnr": psnr_db + 1,
        "fit_cpu_s": 350.0,
    }


def write(name, figures):
    """Into the folder of results."""
    for subject, values in figures.items():
        add_figures(name, {}, subject, values)


def write_scenes():
    """Everything that may be known about bonsai, and a lego that nothing is compared with."""
    write("scenes_fast", scene_figures(("bonsai", "lego")))
    write("scenes_fast_one_level", one_level_figures())
    free = scene_figures()
    for file in free["bonsai"].values():
        for level in file["levels"][:-1]:
            level["psnr"] -= 2.5
    write("scenes_fast_lower_levels_free", free)
    write("plain_gaussians", {"bonsai": {"steps=8000,count=33000": plain_figures(33_000, 28.5)}})
    write("rivals_splat_files", {"bonsai_lambda=0.002": splat_file_figures(20_000, 400, 25.0)})
