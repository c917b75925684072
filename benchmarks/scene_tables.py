# SPDX-License-Identifier: Apache-2.0
"""Figures of scenes enter, Markdown tables leave: for the results page and for the README, the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.compare_curves import known_bd_rate
from benchmarks.result_files import read_figures, read_machine
from benchmarks.scene_figures import (
    SceneFile,
    UncodedScene,
    by_capture,
    is_same_scene,
    middle_file,
    scene_files,
    size_at_psnr,
    splat_files_of,
    top_curve,
    uncoded_scenes,
)
from benchmarks.summary_tables import UNKNOWN, markdown_table

LEVEL_HEADER = ("level", "kB", "anchors", "Gaussians", "PSNR dB", "SSIM", "views/s")

SPLAT_KINDS: Mapping[str, str] = {"ply": ".ply", "spz": ".spz", "sog": ".sog"}

ONE_LEVEL_TITLE = "Size against one level without parent context (HAC) at equal PSNR"
ONE_LEVEL_NOTE = """Rows are the PSNR of whole files of either kind; the size of the other kind is interpolated in
log(bytes) over its lambdas, and there is none where its files do not reach that PSNR."""
FREE_TITLE = "Lower levels with and without coarse-to-fine loss and InfoNCE"
UNCODED_TITLE = "Fits without a rate, not quantised: same views, renderer and loss"
UNCODED_NOTE = """Plain Gaussians have harmonics of degree 3 and the densification of 3DGS-MCMC. The last column is the
best whole file of the preset, whatever its lambda, less that fit."""
GPU_NOTE = """Fitted with `--device cuda`, decoded on the processor beside it. bonsai_800 is bonsai at its full size,
800x533; fitted on a CPU it is in the tables above."""
QUANTIZATION_TITLE = "What quantising costs"
QUANTIZATION_NOTE = "One fit as its reals show it and as a decoder has it. `benchmarks/scene_quantization.py`"
ABLATION_TITLE = "What each mechanism is worth"
ABLATION_NOTE = """Short fits of bonsai at quarter size (3,000 steps, one seed, lambda .004): enough to order
mechanisms. `benchmarks/scene_ablation.py`"""
UNCHANGED = "as it is"
SPLAT_FILES_TITLE = "Size against the same Gaussians in files of other tools"
SPLAT_FILES_NOTE = """Those files hold one set of Gaussians for all views, fitted to what the whole scene shows. The
last columns: how much more the scene shows; its size as a share of the other file's; the same at the other file's PSNR,
and at 0.3 dB less, its own size interpolated in log(bytes) over its lambdas."""
PSNR_GIVEN_UP_DB = 0.3
"""For a smaller file: no difference to look at."""


def scene_report(preset: str) -> str:
    """All that is known about scenes of a preset, as Markdown; empty when nothing is."""
    groups = by_capture(scene_files(preset))
    if not groups:
        return ""
    sections = {f"{capture}, every level": levels_table(files) for capture, files in groups.items()}
    sections["Bytes by part, middle lambda"] = parts_table([middle_file(files) for files in groups.values()])
    one_level = by_capture(scene_files(preset, "one_level"))
    sections[ONE_LEVEL_TITLE] = _with_note(ONE_LEVEL_NOTE, one_level_table(groups, one_level))
    free = scene_files(preset, "lower_levels_free")
    sections[FREE_TITLE] = lower_levels_table([file for files in groups.values() for file in files], free)
    sections[SPLAT_FILES_TITLE] = _with_note(SPLAT_FILES_NOTE, splat_files_table(groups, preset))
    uncoded = {capture: uncoded_scenes(capture, preset) for capture in groups}
    sections[UNCODED_TITLE] = _with_note(UNCODED_NOTE, uncoded_table(groups, uncoded))
    sections[QUANTIZATION_TITLE] = _with_note(QUANTIZATION_NOTE, quantization_table()) if preset == "fast" else ""
    sections[ABLATION_TITLE] = _with_note(ABLATION_NOTE, ablation_table())
    sections["Time and memory"] = cost_table([file for files in groups.values() for file in files])
    if on_gpu := scene_files(preset, "cuda"):
        name = read_machine(f"scenes_{preset}_cuda").get("gpu", "a GPU")
        sections[f"On {name}"] = f"{GPU_NOTE}\n\n{files_table(on_gpu)}\n\n{cost_table(on_gpu)}"
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections.items() if text) + "\n"


def levels_table(files: Sequence[SceneFile]) -> str:
    """Every level of every file of a capture."""
    rows = [[f"{file.rate_weight:g}", *_level_cells(level)] for file in files for level in file.levels]
    return markdown_table(["lambda", *LEVEL_HEADER], rows)


def files_table(files: Sequence[SceneFile]) -> str:
    """Every level of files of several captures."""
    rows = [[file.capture, f"{file.rate_weight:g}", *_level_cells(level)] for file in files for level in file.levels]
    return markdown_table(["capture", "lambda", *LEVEL_HEADER], rows)


def _level_cells(level: Mapping[str, float]) -> list[str]:
    counts = [f"{level['anchors']:,}", f"{level['gaussians']:,}"]
    quality = [f"{level['psnr']:.2f}", f"{level['ssim']:.4f}", f"{level['views_per_s']:.0f}"]
    return [str(level["level"]), _kilobytes(level["bytes"]), *counts, *quality]


def short_levels_table(preset: str) -> str:
    """The README's: levels of the first capture at its middle lambda; empty when nothing was measured."""
    groups = by_capture(scene_files(preset))
    if not groups:
        return ""
    file = middle_file(next(iter(groups.values())))
    rows = [
        [
            file.capture,
            f"{file.rate_weight:g}",
            str(level["level"]),
            _kilobytes(level["bytes"]),
            f"{level['psnr']:.2f}",
            f"{level['ssim']:.4f}",
        ]
        for level in file.levels
    ]
    return markdown_table(["scene", "lambda", "level", "kB", "PSNR dB", "SSIM"], rows)


def parts_table(files: Sequence[SceneFile]) -> str:
    """Where the bytes of a file of each capture are: kB, and percent of the file."""
    names = list(dict.fromkeys(name for file in files for name in file.figures["parts"]))
    rows = []
    for name in names:
        sizes = [file.figures["parts"].get(name, 0) for file in files]
        pairs = zip(sizes, files, strict=True)
        cells = [(_kilobytes(size), f"{100 * size / file.top['bytes']:.1f} %") for size, file in pairs]
        rows.append([name, *(cell for pair in cells for cell in pair)])
    totals = [(f"**{_kilobytes(file.top['bytes'])}**", "") for file in files]
    rows.append(["**whole file**", *(cell for pair in totals for cell in pair)])
    header = [(f"{file.capture}, lambda {file.rate_weight:g}: kB", "share") for file in files]
    return markdown_table(["part", *(cell for pair in header for cell in pair)], rows)


def one_level_table(groups: Mapping[str, Sequence[SceneFile]], one_level: Mapping[str, Sequence[SceneFile]]) -> str:
    """Both kinds at the PSNR of each file, and BD-rates; captures that have both kinds."""
    rows = []
    for capture in sorted(groups.keys() & one_level.keys()):
        layered, alone = top_curve(groups[capture]), top_curve(one_level[capture])
        found = [(capture, psnr, size, size_at_psnr(alone, psnr)) for size, psnr in layered]
        found += [(capture, psnr, size_at_psnr(layered, psnr), size) for size, psnr in alone]
        rows += [
            [name, f"{psnr:.2f}", _kilobytes(own), _kilobytes(other), _change(own, other)]
            for name, psnr, own, other in sorted(found, key=lambda row: row[1])
        ]
        rate = known_bd_rate(alone, layered)
        rows.append([f"**{capture}, BD-rate**", "", "", "", _common(rate, layered, alone)])
    header = ["capture", "PSNR dB", "levels kB", "one level kB", "levels against one"]
    return markdown_table(header, rows) if rows else ""


def lower_levels_table(files: Sequence[SceneFile], free: Sequence[SceneFile]) -> str:
    """The two lowest levels and the top one of files of the same capture and lambda."""
    without = {(file.capture, file.rate_weight): file for file in free}
    rows = []
    for file in files:
        other = without.get((file.capture, file.rate_weight))
        if other is None or len(other.levels) != len(file.levels):
            continue
        pairs = list(zip(file.levels, other.levels, strict=True))
        for own, left in [*pairs[:2], *pairs[2:][-1:]]:
            sizes = [_kilobytes(own["bytes"]), _kilobytes(left["bytes"]), _change(own["bytes"], left["bytes"])]
            quality = [f"{own['psnr']:.2f}", f"{left['psnr']:.2f}", f"{own['psnr'] - left['psnr']:+.2f}"]
            rows.append([file.capture, f"{file.rate_weight:g}", str(own["level"]), *sizes, *quality])
    header = ["capture", "lambda", "level", "with: kB", "without: kB", "bytes", "with: dB", "without: dB", "gain dB"]
    return markdown_table(header, rows) if rows else ""


def splat_files_table(groups: Mapping[str, Sequence[SceneFile]], preset: str) -> str:
    """Sizes and quality beside those of the Gaussians as .ply, .spz and .sog."""
    rows = []
    for capture, files in groups.items():
        curve = top_curve(files)
        for file in files:
            found = splat_files_of(file, preset)
            if found is None or not is_same_scene(file, found):
                continue
            size, psnr = file.top["bytes"], file.top["psnr"]
            own = [capture, f"{file.rate_weight:g}", f"{found['gaussians']:,}", _kilobytes(size), f"{psnr:.2f}"]
            for kind, name in SPLAT_KINDS.items():
                if (rival := found.get(kind)) is None:
                    continue
                other = [name, _kilobytes(rival["bytes"]), f"{rival['psnr']:.2f}", f"{psnr - rival['psnr']:+.2f}"]
                below = (size_at_psnr(curve, rival["psnr"] - less) for less in (0.0, PSNR_GIVEN_UP_DB))
                rows.append([*own, *other, *(_share(found_size, rival["bytes"]) for found_size in (size, *below))])
    header = ["capture", "lambda", "Gaussians", "kB", "PSNR dB", "beside", "kB", "PSNR dB", "dB more", "size"]
    return markdown_table([*header, "at equal PSNR", f"{PSNR_GIVEN_UP_DB:g} dB less"], rows) if rows else ""


def uncoded_table(groups: Mapping[str, Sequence[SceneFile]], uncoded: Mapping[str, Sequence[UncodedScene]]) -> str:
    """What the renderer shows when nothing is coded, and how far a scene is from it."""
    rows = []
    for capture, scenes in uncoded.items():
        best = max(file.top["psnr"] for file in groups[capture])
        for scene in scenes:
            figures = scene.figures
            quality = [f"{figures['psnr']:.2f}", f"{figures['ssim']:.4f}"]
            fit = [scene.kind, f"{scene.steps:,}", f"{scene.gaussians:,}"]
            rows.append([capture, *fit, *quality, f"{figures['fit_cpu_s']:,.0f}", f"{best - figures['psnr']:+.2f}"])
    header = ["capture", "fit", "steps", "Gaussians", "PSNR dB", "SSIM", "CPU s", "Lamina dB more"]
    return markdown_table(header, rows) if rows else ""


def cost_table(files: Sequence[SceneFile]) -> str:
    """Seconds and megabytes of encoding and decoding, and what the octree costs."""
    rows = [
        [
            file.capture,
            f"{file.rate_weight:g}",
            f"{file.figures['steps']:,}" if "steps" in file.figures else UNKNOWN,
            str(file.figures.get("threads", UNKNOWN)),
            _seconds(file.figures["encode_s"]),
            _seconds(file.figures["encode_cpu_s"]),
            f"{file.figures['encode_peak_mb']:,}",
            f"{file.figures['decode_s']:.2f}",
            f"{file.figures['decode_peak_mb']:,}",
            f"{file.figures['first_level_ms']:.0f}" if "first_level_ms" in file.figures else UNKNOWN,
            f"{file.figures['tree_bits_per_anchor']:.2f}",
        ]
        for file in files
    ]
    encode = ["encode s", "of all cores, CPU s", "encode peak MB"]
    header = [
        "capture",
        "lambda",
        "steps",
        "threads",
        *encode,
        "decode s",
        "decode peak MB",
        "level 0 seen after ms",
        "tree bits an anchor",
    ]
    return markdown_table(header, rows)


def quantization_table() -> str:
    """Fits before and after quantisation; empty where none was measured."""
    rows = [
        [
            capture,
            setting.removeprefix("lambda="),
            f"{found['steps']:,}",
            _kilobytes(found["bytes"][-1]),
            f"{found['fitted_psnr']:.2f}",
            f"{found['psnr'][-1]:.2f}",
            f"{found['fitted_psnr'] - found['psnr'][-1]:+.2f}",
        ]
        for capture, settings in read_figures("scene_quantization").items()
        for setting, found in settings.items()
    ]
    header = ["capture", "lambda", "steps", "kB", "fitted dB", "decoded dB", "lost dB"]
    return markdown_table(header, rows) if rows else ""


def ablation_table() -> str:
    """Short fits with one mechanism changed, beside the fit as it is; empty where it was not measured."""
    figures = read_figures("scene_ablation").get("bonsai", {})
    if UNCHANGED not in figures:
        return ""
    base = figures[UNCHANGED]
    rows = [
        [
            name,
            _kilobytes(found["bytes"][-1]),
            _change(found["bytes"][-1], base["bytes"][-1]),
            f"{found['psnr'][-1]:.2f}",
            f"{found['psnr'][-1] - base['psnr'][-1]:+.2f}",
            f"{found['fitted_psnr'] - found['psnr'][-1]:+.2f}",
            f"{found['psnr'][0]:.2f} at {_kilobytes(found['bytes'][0])}",
            " ".join(f"{level_db:.2f}" for level_db in found["psnr"][1:-1]),
            f"{found['gaussians']:,}",
        ]
        for name, found in figures.items()
    ]
    header = ["changed", "kB", "of that", "PSNR dB", "more", "lost by quantising"]
    header += ["level 0, dB at kB", "levels between, dB", "Gaussians"]
    return markdown_table(header, rows)


def _with_note(note: str, table: str) -> str:
    return f"{note}\n\n{table}" if table else ""


def _seconds(elapsed_s: float | None) -> str:
    """Unknown where a fit was stopped and went on."""
    return UNKNOWN if elapsed_s is None else f"{elapsed_s:,.0f}"


def _kilobytes(size_bytes: float | None) -> str:
    return UNKNOWN if size_bytes is None else f"{size_bytes / 1000:,.1f}"


def _change(own: float | None, other: float | None) -> str:
    return UNKNOWN if own is None or other is None else f"{100 * (own / other - 1):+.1f} %"


def _share(own: float | None, other: float) -> str:
    return UNKNOWN if own is None else f"{100 * own / other:.0f} %"


def _common(
    rate_percent: float | None, layered: Sequence[tuple[float, float]], alone: Sequence[tuple[float, float]]
) -> str:
    """A BD-rate, or why there is none."""
    if rate_percent is not None:
        return f"**{rate_percent:+.1f} %**"
    if min(len(layered), len(alone)) < 2:
        return "one lambda only"
    ranges = [f"{points[0][1]:.2f} to {points[-1][1]:.2f} dB" for points in (layered, alone)]
    return f"no PSNR in common: {ranges[0]}, one level {ranges[1]}"
