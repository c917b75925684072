# SPDX-License-Identifier: Apache-2.0
"""benchmarks/results/*.json enters; docs/figures/*.svg, docs/results.md and the README's tables leave.

    python benchmarks/make_figures.py             # write what the figures say now
    python benchmarks/make_figures.py --check     # write nothing; fail when something written says something else

A table of the README stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; the names are those of
`readme_tables`. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.freeview_tables import freeview_levels_table, freeview_rates_table, freeview_report
from benchmarks.head_tables import head_report
from benchmarks.method_tables import ablation_report, speed_report
from benchmarks.rate_plots import clip_plots, still_plots
from benchmarks.reliability_tables import reliability_report
from benchmarks.result_files import read_figures
from benchmarks.scene_figures import SCENE_PRESETS
from benchmarks.scene_plots import scene_plots
from benchmarks.scene_tables import scene_report, short_levels_table
from benchmarks.summary_tables import clip_bits_table, clip_levels_table, clip_report, still_means_table, still_report
from benchmarks.volume_tables import (
    VOLUME_NOTE,
    VOLUME_RATES_NOTE,
    VOLUME_SPEED_NOTE,
    volume_groups_table,
    volume_rates_table,
    volume_report,
    volume_speed_table,
)

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path("docs") / "figures"
RESULTS_PAGE = Path("docs") / "results.md"
README = Path("README.md")

STILL_PRESETS = ("default", "fast")
CLIP_PRESETS = ("default",)

ABLATION_TITLE = "The paper's trainings, side by side: preset `paper`, 5,000 splats, unquantised"
ABLATION_NOTE = """PSNR of the top level, of the base level in brackets, on 8-bit pixels. Three equal layers. P-GSVC,
table 1, gives 28.5 dB for joint training and 26.6 dB for LIG (sequential) as the mean of all 24 Kodak pictures,
converged on a GPU. `python benchmarks/paper_ablation.py` says how the schedule is scaled and why the learning rate is
not the paper's."""

SCENE_NOTE = """Quality is the mean over the views that a capture holds out, from the file cut at each level; level 0 is
the coarsest. Views a second are of rendering, with the Gaussians made anew for each view."""

RATES_NOTE = (
    "panoptic_basketball at half size, frames 1-12, one level, all from one first frame (28.95 dB), 100 iterations a "
    "frame (`benchmarks/freeview_rates.py`). `paper` is preset `paper` (HPC) but for its iterations; others change one "
    "thing of it. `ours` has one level here, so one scale: preset `default` has three. Frames of networks may repair "
    "the first frame too; `ours` changes only what moved. No BD-rate: the curves share no quality."
)

FREEVIEW_NOTE = """Panoptic basketball, frames 0 to 59 at half size (320 x 180), four cameras held out; the first frame
with all that is sent once, then the mean over the 59 frames after it, container included. Moving: pixels that differ
from their camera's temporal median. Corrected: after a gain a channel, fitted to the camera's other frames. Seconds are
of one core."""

HEAD_NOTE = """Heads are learnt from one part of a clip; another is coded, decoded from the file and compared
(`python -m benchmarks.head`). Kilobits are of the frames, container included; the head is sent once beside them.
`steps x 2`: all steps of a frame's columns twice as large. Other encoders on the same frames: bare streams, asked for
.5 to 100 kbit/s; where a rate is missing, they did not get so low. The paper's figures, in brackets, are of another
clip: the head alone, a plain background, 150,000 steps; ours are of 400 steps, whole frames, nothing refined."""

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def readme_tables() -> dict[str, str]:
    """Markdown of each table that the README may hold; only those with something measured."""
    tables: dict[str, str] = {}
    for preset in STILL_PRESETS:
        if figures := read_figures(f"stills_{preset}"):
            tables[f"stills_{preset}"] = still_means_table(figures)
    for preset in CLIP_PRESETS:
        if figures := read_figures(f"clips_{preset}"):
            tables[f"clips_{preset}"] = clip_levels_table(figures)
            tables[f"clip_bits_{preset}"] = clip_bits_table(figures)
    for preset in SCENE_PRESETS:
        if table := short_levels_table(preset):
            tables[f"scenes_{preset}"] = table
    if table := freeview_levels_table():
        tables["freeview_default"] = table
    return tables


def results_page(plots: Mapping[str, str]) -> str:
    """All figures on one page."""
    parts = [
        "# Measured results\n",
        "Made by `python benchmarks/make_figures.py` from `benchmarks/results/*.json`, which name commit, machine and",
        "command of each figure. Protocol: whole files, levels from the file cut there; 8-bit RGB pixels, whole frame,",
        "all frames; PSNR is the mean over images of each one's; 1 kB = 1000 bytes. Negative BD-rates: fewer bytes.\n",
    ]
    for preset in STILL_PRESETS:
        if figures := read_figures(f"stills_{preset}"):
            parts.append(f"## Pictures, preset {preset}\n\n{still_report(figures, preset)}")
    for preset in CLIP_PRESETS:
        if figures := read_figures(f"clips_{preset}"):
            parts.append(f"## Clips, preset {preset}\n\n{clip_report(figures, preset)}")
    for preset in SCENE_PRESETS:
        if report := scene_report(preset):
            parts.append(f"## Scenes, preset {preset}\n\n{SCENE_NOTE}\n\n{report}")
    if report := freeview_report():
        parts.append(f"## Free-viewpoint video\n\n{FREEVIEW_NOTE}\n\n{report}")
    if rates := freeview_rates_table():
        parts.append(f"## Free-viewpoint video, ways to move anchors\n\n{RATES_NOTE}\n\n{rates}")
    if heads := head_report():
        parts.append(f"## Talking heads\n\n{HEAD_NOTE}\n\n{heads}")
    if report := volume_report():
        parts.append(f"## Volumetric video\n\n{VOLUME_NOTE}\n\n{report}\n\n{volume_groups_table()}")
    if speeds := volume_speed_table():
        parts.append(f"## Volumetric video, speed\n\n{VOLUME_SPEED_NOTE}\n\n{speeds}")
    if rates := volume_rates_table():
        parts.append(f"## Volumetric video, ways to code it\n\n{VOLUME_RATES_NOTE}\n\n{rates}")
    if ablation := ablation_report():
        parts.append(f"## {ABLATION_TITLE}\n\n{ABLATION_NOTE}\n\n{ablation}")
    if reliability := reliability_report():
        parts.append(f"## Starts, interruptions, captures without points\n\n{reliability}")
    parts.append(f"## Speed of parts\n\n{speed_report()}")
    parts += ["## Plots\n", *(f"![{name}](figures/{name}.svg)\n" for name in plots)]
    # A heading right behind a table would be a row of it.
    return re.sub(r"(?<!\n)\n(?=## )", "\n\n", "\n".join(parts))


def with_tables(readme: str, tables: Mapping[str, str]) -> str:
    """The README with the tables that are known put between their markers.

    Raises:
        ValueError: a marker names a table that does not exist.
    """

    def replaced(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        if name not in tables:
            known = ", ".join(sorted(tables)) or "none, for nothing is measured yet"
            raise ValueError(f"{README}: no table {name!r}; there are {known}")
        return f"{begin}\n{tables[name]}\n\n{end}"

    return _TABLE.sub(replaced, readme)


def made_files(root: Path) -> dict[Path, str]:
    """What should be in each file, by path from the root."""
    plots = {**still_plots(), **clip_plots(), **scene_plots()}
    files = {FIGURES / f"{name}.svg": drawing for name, drawing in plots.items()}
    files[RESULTS_PAGE] = results_page(plots)
    if (root / README).exists():
        files[README] = with_tables((root / README).read_text(), readme_tables())
    return files


def stale_files(root: Path) -> list[Path]:
    """Files that say something else than the figures, and plots that nothing makes any more."""
    files = made_files(root)
    left_over = {path.relative_to(root) for path in (root / FIGURES).glob("*.svg")} - files.keys()
    differing = [
        path for path, text in files.items() if not (root / path).exists() or (root / path).read_text() != text
    ]
    return sorted([*differing, *left_over])


def write_files(root: Path) -> None:
    """Write what is stale."""
    files = made_files(root)
    for path in stale_files(root):
        if path not in files:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        partial = root / f"{path}.partial"
        partial.write_text(files[path])
        partial.replace(root / path)
        print(path)


def main() -> int:
    """Command line; 1 when `--check` finds something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write_files(ROOT)
        return 0
    stale = stale_files(ROOT)
    for path in stale:
        print(f"{path}: says something else than benchmarks/results; run python benchmarks/make_figures.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
