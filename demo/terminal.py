# SPDX-License-Identifier: Apache-2.0
"""Exhibits enter; the tables of the page and the next commands leave, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.exhibits import Exhibit


def print_exhibits(exhibits: Sequence[Exhibit]) -> None:
    """One table an exhibit."""
    console = Console()
    for exhibit in exhibits:
        by_cameras = exhibit.is_seen_by_cameras
        has_vmaf = any(version.point is not None and version.point.vmaf is not None for version in exhibit.versions)
        table = Table(
            title=f"{exhibit.title} ({exhibit.encode_s:.0f} s to encode)", title_justify="left", title_style="bold"
        )
        table.add_column("")
        for name in (
            "bytes",
            *(() if by_cameras else ("bits/pixel",)),
            "PSNR dB",
            "SSIM",
            "MS-SSIM",
            *(("VMAF",) if has_vmaf else ()),
        ):
            table.add_column(name, justify="right")
        for version in exhibit.versions:
            point = version.point
            if point is None:
                continue
            ours = version.level is not None
            label = f"Lamina, level {version.level}" if ours else version.label
            cells = [
                f"{point.bytes:,}",
                *(() if by_cameras else (f"{point.bpp:.3f}",)),
                f"{point.psnr:.2f}",
                f"{point.ssim:.4f}",
                f"{point.ms_ssim:.4f}",
            ]
            if has_vmaf:
                cells.append("-" if point.vmaf is None else f"{point.vmaf:.1f}")
            table.add_row(label, *cells, style="bold" if ours else "")
        console.print()
        console.print(table)


def print_commands(commands: Sequence[tuple[str, str]], page: Path) -> None:
    """What to type next."""
    console = Console(highlight=False)
    console.print(
        f"\nThe page: [bold]{page}[/]\n\nNext (after [bold]. .venv/bin/activate[/], or with .venv/bin/lamina):\n"
    )
    width = max(len(command) for command, _ in commands)
    for command, remark in commands:
        console.print(f"  {escape(f'{command:{width}}')}  [dim]# {escape(remark)}[/]", soft_wrap=True)
    console.print()
