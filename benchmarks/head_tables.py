# SPDX-License-Identifier: Apache-2.0
"""Figures of talking heads enter, Markdown leaves: variants of a head, other encoders, the paper's table of sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.result_files import read_figures, result_names
from benchmarks.summary_tables import markdown_table

STAGES = (
    ("Uncompressed", "paper, uncompressed"),
    ("+ LR", "paper, + LR"),
    ("+ MP", "paper, + MP"),
    ("+ QE", "paper"),
    ("+ LZ77", "paper"),
)
"""The paper's table II, and the variant that each row is of. The last two differ in whether they are deflated."""
PAPERS = {
    "Uncompressed": ("2.9", "1.4", "33.45"),
    "+ LR": ("0.42", "1.4", "33.39"),
    "+ MP": ("0.42", "0.9", "33.37"),
    "+ QE": ("0.2", "0.5", "33.3"),
    "+ LZ77": ("0.17", "0.42", "33.3"),
}
"""Its megabytes of attributes and network, and dB, of another clip."""
CALLS = "head_loss_"
"""Begins names of results of calls."""
RIVALS = "rivals"
SIZES_ALONE = ", sizes"
"""Ends names of variants that were hardly learnt: what is sent as it is takes as much, however well it looks."""


def head_report() -> str:
    """All clips that were measured; empty where there are none."""
    parts = []
    for name in result_names("head_"):
        figures = read_figures(name)
        if name.startswith(CALLS):
            parts.append(f"### {name.removeprefix(CALLS)}, a call\n\n{call_report(figures)}")
            continue
        clip, side = name.removeprefix("head_").rsplit("_", 1)
        parts.append(f"### {clip}, {side} pixels wide\n\n{clip_report(figures)}")
    return "\n\n".join(parts)


def clip_report(figures: Mapping[str, Any]) -> str:
    """Variants, the paper's table, other encoders."""
    tables = [variants_table(figures), paper_table(figures), rivals_table(figures.get(RIVALS, {}))]
    return "\n\n".join(table for table in tables if table)


def variants_table(figures: Mapping[str, Any]) -> str:
    """A row a variant, rate and level."""
    rows = []
    for name, variant in figures.items():
        if name == RIVALS or name.endswith(SIZES_ALONE):
            continue
        sent = variant["learning"]["model_bytes"]
        for point, measured in variant["points"].items():
            for level, kbps in enumerate(measured["kbps"]):
                rows.append(
                    (
                        name, point, str(level), f"{sent[level] / 1000:.0f}", f"{kbps:.2f}",
                        f"{measured['psnr'][level]:.2f}", f"{measured['ssim'][level]:.3f}",
                        f"{variant['learning']['cpu_s']:.0f}", f"{1000 * measured['coding_cpu_s_per_frame']:.0f}",
                    )
                )  # fmt: skip
    header = ("variant", "coded at", "level", "head kB", "kbit/s", "PSNR dB", "SSIM", "learnt in CPU s", "ms a frame")
    return markdown_table(header, rows) if rows else ""


def paper_table(figures: Mapping[str, Any]) -> str:
    """The paper's table of what makes its head small, made again; the paper's own figures in brackets."""
    rows = []
    for stage, name in STAGES:
        own_name = name if name in figures else f"{name}{SIZES_ALONE}"
        if own_name not in figures:
            continue
        learning, points = figures[own_name]["learning"], figures[own_name]["points"]
        parts = learning["parts_bytes"]
        if stage == "+ QE":
            parts = {**parts, **learning["inflated_bytes"]}
        attributes, network = parts["on the head"] / 1e6, parts["network"] / 1e6
        own = PAPERS[stage]
        rows.append(
            (
                stage, f"{attributes:.3f} ({own[0]})", f"{network:.3f} ({own[1]})", f"{attributes + network:.3f}",
                f"{next(iter(points.values()))['psnr'][0]:.2f} ({own[2]})" if points else f"not measured ({own[2]})",
            )
        )  # fmt: skip
    return markdown_table(("stage", "attributes MB", "network MB", "both", "PSNR dB"), rows) if rows else ""


def rivals_table(rivals: Mapping[str, Any]) -> str:
    """A row an encoder: dB at each rate that it reached."""
    rows = []
    for name, points in rivals.items():
        reached = {f"{point['kbps']:.1f}": point for point in points}
        shown = "; ".join(f"{kbps}: {point['psnr']:.2f}, {point['ssim']:.3f}" for kbps, point in reached.items())
        rows.append((name, shown))
    return markdown_table(("encoder", "kbit/s: PSNR dB, SSIM"), rows) if rows else ""


def call_report(figures: Mapping[str, Any]) -> str:
    """What losses cost, and how fast a call is coded."""
    rows = [
        (
            f"{100 * net['loss']:.0f} %", str(net["burst"]), f"{net['psnr']:.2f}", f"{net['psnr_lost']:.2f}",
            f"{net['longest_gap_s']:.2f}", f"{net['first_picture_s']:.2f}", f"{net['kbit_s']:.1f}",
            f"{net['kbit_s_with_ip_and_udp']:.1f}",
        )
        for net in figures["networks"]
    ]  # fmt: skip
    header = (
        "packets lost", "in bursts of", "PSNR dB", "dB lost", "longest gap s", "first picture s", "kbit/s",
        "with IP and UDP",
    )  # fmt: skip
    coding = figures["coding"]
    said = (
        f"A frame is coded in {1000 * coding['cpu_s_per_frame']:.0f} ms of one core; from picture to packet "
        f"{coding['picture_to_packet_median_ms']:.0f} ms in the median on a machine with other work."
    )
    return f"{markdown_table(header, rows)}\n\n{said}"
