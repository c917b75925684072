# SPDX-License-Identifier: Apache-2.0
"""Figures of result files enter, Markdown tables leave: for the terminal and for the README, the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.compare_curves import (
    CLIP_RIVALS,
    STILL_RIVALS,
    Figures,
    bd_rates,
    level_gains_db,
    mean_bd_rates,
    scalability_costs,
    target_summaries,
)
from benchmarks.result_files import read_figures
from benchmarks.rivals.clips import read_clip_curves
from benchmarks.rivals.curves import RatePoint
from benchmarks.rivals.stills import read_curves

NAMES: Mapping[str, str] = {
    "jpeg2000": "JPEG 2000, 3 layers",
    "jpeg": "JPEG",
    "avif": "AVIF 4:4:4",
    "jpeg_xl": "JPEG XL",
    "x264": "x264",
    "x264_low_delay": "x264 low delay",
    "x265": "x265",
    "x265_low_delay": "x265 low delay",
    "svt_av1": "SVT-AV1",
}
"""As people write them."""

UNKNOWN = "–"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def still_report(figures: Figures, preset: str) -> str:
    """All that is known about pictures, as Markdown."""
    if not figures:
        return "Nothing measured yet."
    rivals = {picture: read_curves(picture) for picture in figures}
    jpeg2000 = {picture: curves.get("jpeg2000", []) for picture, curves in rivals.items()}
    sections = {
        f"Pictures, preset {preset}: mean over pictures": still_means_table(figures),
        "BD-rate (PSNR) of the top level against": bd_rate_table(figures, rivals, STILL_RIVALS),
        "BD-rate (MS-SSIM) of the top level against": bd_rate_table(figures, rivals, STILL_RIVALS, metric="ms_ssim"),
        "dB over JPEG 2000 in 3 layers at each level's own bytes, mean": level_gain_table(figures, jpeg2000),
    }
    if single := read_figures(f"stills_{preset}_single"):
        sections["Cost of scalability: levels against single-layer files, BD-rate"] = scalability_table(figures, single)
    return _joined(sections)


def clip_report(figures: Figures, preset: str) -> str:
    """All that is known about clips, as Markdown."""
    if not figures:
        return "Nothing measured yet."
    rivals = {clip: read_clip_curves(clip) for clip in figures}
    return _joined(
        {
            f"Clips, preset {preset}: levels": clip_levels_table(figures),
            "Clips: bits by frame type and speed": clip_bits_table(figures),
            "BD-rate (PSNR) of the top level against": bd_rate_table(figures, rivals, CLIP_RIVALS, limits_bpp=None),
            "BD-rate (VMAF) of the top level against": bd_rate_table(figures, rivals, CLIP_RIVALS, "vmaf", None),
        }
    )


def still_means_table(figures: Figures) -> str:
    """Mean rate and quality of each level at each target."""
    rows = []
    for summary in target_summaries(figures):
        for level, point in enumerate(summary.levels):
            is_top = level == len(summary.levels) - 1
            seconds = [f"{summary.encode_s:.1f}", f"{summary.decode_ms:.0f}"] if is_top else ["", ""]
            quality = [f"{point['psnr']:.2f}", f"{point['ssim']:.4f}", f"{point['ms_ssim']:.4f}"]
            size = [f"{point['bytes'] / 1000:.2f}", f"{point['bpp']:.3f}"]
            rows.append([_target_words(summary.target), str(summary.count), str(level), *size, *quality, *seconds])
    header = ["target", "pictures", "level", "kB", "bpp", "PSNR dB", "SSIM", "MS-SSIM", "encode s", "decode ms"]
    return markdown_table(header, rows)


def bd_rate_table(
    figures: Figures,
    rivals: Mapping[str, Mapping[str, Sequence[RatePoint]]],
    names: Sequence[str],
    metric: str = "psnr",
    limits_bpp: tuple[float, float] | None = (0.15, 0.75),
) -> str:
    """A row for each subject and their mean, a column for each rival; negative: Lamina needs fewer bytes."""
    rates = {subject: bd_rates(results, rivals[subject], limits_bpp, metric) for subject, results in figures.items()}
    rows = [[subject, *(_percent(found.get(name)) for name in names)] for subject, found in sorted(rates.items())]
    means = mean_bd_rates(rates.values())
    mean_row = ["**mean**"]
    for name in names:
        mean, count = means.get(name, (None, 0))
        mean_row.append(f"**{_percent(mean)}**" + (f" ({count} of {len(rates)})" if 0 < count < len(rates) else ""))
    return markdown_table(["", *(NAMES[name] for name in names)], [*rows, mean_row])


def level_gain_table(figures: Figures, jpeg2000: Mapping[str, Sequence[RatePoint]]) -> str:
    """Mean gain of each level at each target."""
    gains = level_gains_db(figures, jpeg2000)
    count = max((len(values) for values in gains.values()), default=0)
    rows = [[_target_words(target), *(f"{value:+.2f}" for value in values)] for target, values in sorted(gains.items())]
    return markdown_table(["target", *(f"level {level}" for level in range(count))], rows)


def scalability_table(layered: Figures, single: Figures) -> str:
    """A row for each picture, and their mean."""
    costs = scalability_costs(layered, single)
    rows = [[picture, _percent(cost)] for picture, cost in costs.items()]
    mean = sum(costs.values()) / len(costs) if costs else None
    return markdown_table(["picture", "BD-rate"], [*rows, ["**mean**", f"**{_percent(mean)}**"]])


def clip_levels_table(figures: Figures) -> str:
    """Rate and quality of each level of each file."""
    rows = []
    for clip, target, result in _files(figures):
        for level in result["levels"]:
            size = [f"{level['bytes'] / 1000:.1f}", f"{level['bpp']:.4f}"]
            quality = [
                f"{level['psnr']:.2f}",
                f"{level['ssim']:.4f}",
                f"{level['ms_ssim']:.4f}",
                f"{level['vmaf']:.1f}",
            ]
            rows.append([clip, _target_words(target), str(level["level"]), *size, *quality])
    return markdown_table(["clip", "target", "level", "kB", "bpp", "PSNR dB", "SSIM", "MS-SSIM", "VMAF"], rows)


def clip_bits_table(figures: Figures) -> str:
    """What frames cost by type, and how long they take; top level."""
    rows = []
    for clip, target, result in _files(figures):
        top = result["levels"][-1]
        key, other = top["frame_bits"].get("I"), top["frame_bits"].get("P")
        a_frame = [f"{kind['bits_per_frame'] / 1000:.2f}" if kind else UNKNOWN for kind in (key, other)]
        a_splat = [f"{kind['bits_per_splat']:.1f}" if kind else UNKNOWN for kind in (key, other)]
        ratio = f"{100 * other['bits_per_splat'] / key['bits_per_splat']:.0f} %" if key and other else UNKNOWN
        speed = [f"{result['encode_s_per_frame']:.2f}", f"{top['decode_fps']:.0f}"]
        rows.append([clip, _target_words(target), *a_frame, *a_splat, ratio, *speed])
    header = [
        "clip",
        "target",
        "I kbit",
        "P kbit",
        "I bits/splat",
        "P bits/splat",
        "P/I",
        "encode s/frame",
        "decode fps",
    ]
    return markdown_table(header, rows)


def _files(figures: Figures) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for subject, results in sorted(figures.items()):
        for target, result in sorted(results.items()):
            yield subject, target, result


def _target_words(target: str) -> str:
    kind, value = target.split("=")
    return f"{value} bpp" if kind == "bpp" else f"{int(value):,} {kind}"


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:+.1f} %"


def _joined(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in sections.items()) + "\n"
