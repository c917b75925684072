# SPDX-License-Identifier: Apache-2.0
"""Figures about methods rather than files: the paper's ablation and the speed of parts, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.paper_ablation import METHODS, summarize
from benchmarks.result_files import read_figures
from benchmarks.run_log import RESULTS
from benchmarks.summary_tables import UNKNOWN, markdown_table

Figures = Mapping[str, Any]

KERNELS: Mapping[str, tuple[str, str]] = {
    "planar_kernel_speed": ("Planar rendering", "flop"),
    "spatial_kernel_speed": ("Spatial rendering", "instruction"),
}
"""Result files, their titles, and what their shares of the peak count."""

_ABLATION = re.compile(r"paper_ablation_(\d+)_steps")


def ablation_report() -> str:
    """A section for each count of steps that the ablation was run with; empty when it was not."""
    found = sorted((int(match[1]), path.stem) for path in RESULTS.iterdir() if (match := _ABLATION.match(path.stem)))
    sections = [
        f"### {steps:,} steps of a training in all\n\n{ablation_table(read_figures(name))}" for steps, name in found
    ]
    return "\n\n".join(sections) + "\n" if sections else ""


def ablation_table(figures: Figures) -> str:
    """A row for each picture and their mean: top level (base level) of each training, and what joint training wins."""
    summary = summarize(figures)
    methods = [method for method in METHODS if any(method in runs for runs in figures.values())]
    rows = []
    for picture, runs in sorted(figures.items()):
        rows.append([picture, *(_levels(runs.get(method)) for method in methods), *_gains(summary[picture])])
    means = [f"**{summary['mean'][f'{method}_db']:.2f}**" for method in methods]
    rows.append(["**mean**", *means, *_gains(summary["mean"])])
    return markdown_table(
        ["picture", *(f"{method} dB" for method in methods), "joint - sequential dB", "base below its own fit"], rows
    )


def speed_report() -> str:
    """Kernel, coder and metrics; only what was measured."""
    sections: list[str] = []
    for name, (title, share) in KERNELS.items():
        if kernels := read_figures(name):
            sections.append(f"### {title}, forward and backward\n\n{kernel_table(kernels, share)}")
    for name, title in {"entropy_speed": "Entropy coder", "metrics_speed": "Metrics, 1920x1080"}.items():
        if found := read_figures(name):
            rows = [[key.replace("_", " "), f"{value:,.1f}"] for key, value in found.items()]
            sections.append(f"### {title}\n\n{markdown_table(['figure', 'value'], rows)}")
    return "\n\n".join(sections) + "\n"


def kernel_table(figures: Figures, share: str) -> str:
    """A row for each case and number of threads."""
    rows = [
        [
            threads,
            case,
            f"{found['kernel_ms']:.2f}",
            f"{found['twin_ms']:.0f}",
            f"{found['twin_over_kernel']:.0f}",
            f"{100 * found[f'forward_{share}_share_of_peak']:.0f} %",
            f"{100 * found[f'backward_{share}_share_of_peak']:.0f} %",
        ]
        for threads, cases in sorted(figures.items())
        for case, found in cases.items()
        if isinstance(found, Mapping)
    ]
    return markdown_table(
        ["threads", "case", "kernel ms", "PyTorch ms", "ratio", "forward of peak", "backward of peak"], rows
    )


def _levels(run: Figures | None) -> str:
    return f"{run['psnr_db'][-1]:.2f} ({run['psnr_db'][0]:.2f})" if run else UNKNOWN


def _gains(row: Figures) -> list[str]:
    gain, below = row.get("joint_minus_sequential_db"), row.get("base_below_own_fit_percent")
    return [UNKNOWN if gain is None else f"{gain:+.2f}", UNKNOWN if below is None else f"{below:.1f} %"]
