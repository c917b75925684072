# SPDX-License-Identifier: Apache-2.0
"""Exhibits enter, one self-contained HTML page leaves: everything is inside, nothing is fetched."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.rivals.curves import Pixels, points_to_json
from benchmarks.run_log import machine
from benchmarks.svg_plot import COLORS
from PIL import Image

from demo.exhibits import HERE, Exhibit, Version

CLIP_QUALITY = 92
"""Of the WebP that frames of clips are shown in; stills are lossless."""


def write_page(exhibits: Sequence[Exhibit], commands: Sequence[tuple[str, str]], path: Path) -> None:
    """Fill the template."""
    facts = machine()
    data = {
        "exhibits": [_exhibit(exhibit) for exhibit in exhibits],
        "colors": dict(COLORS),
        "commands": [{"command": command, "remark": remark} for command, remark in commands],
        "machine": f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, torch {facts['torch']}",
    }
    # A script element ends at the first "</", wherever it stands.
    parts = {
        "style": (HERE / "page.css").read_text(),
        "script": "\n".join((HERE / name).read_text() for name in ("stage.js", "plot.js", "page.js")),
        "data": json.dumps(data).replace("</", "<\\/"),
        "lead": escape(_lead(exhibits)),
    }
    page = (HERE / "page.html").read_text()
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text)
    path.write_text(page, encoding="utf-8")


def _lead(exhibits: Sequence[Exhibit]) -> str:
    """The first sentence: with figures."""
    photo = exhibits[0].summary
    sizes = [f"{level.size_bytes / 1000:.1f}" for level in photo.levels]
    return (
        f"Below, a photograph is one file of {sizes[-1]} kB. Cut after {' or '.join(sizes[:-1])} kB, "
        f"it is still the whole picture, only less sharp."
    )


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    height, width = exhibit.versions[0].frames[0].shape[:2]
    info = exhibit.summary.info
    return {
        "title": exhibit.title,
        "note": exhibit.note,
        "command": exhibit.command,
        "file": exhibit.file.name,
        "encodeSeconds": round(exhibit.encode_s, 1),
        "width": width,
        "height": height,
        "frameCount": len(exhibit.versions[0].frames),
        "framesPerSecond": exhibit.frames_per_second,
        "sourceBytes": exhibit.source_bytes,
        "isSeenByCameras": exhibit.is_seen_by_cameras,
        "measuredOn": exhibit.measured_on,
        "codedFrames": exhibit.coded_frames,
        "details": {name: str(value) for name, value in info.details.items()},
        "parts": dict(sorted(exhibit.summary.parts.items(), key=lambda part: -part[1])),
        "versions": [_version(version) for version in exhibit.versions],
        "curves": [
            {
                "codec": curve.codec,
                "label": curve.label,
                "isOneFile": curve.is_one_file,
                "points": points_to_json(curve.points),
            }
            for curve in exhibit.curves
        ],
    }


def _version(version: Version) -> dict[str, Any]:
    point = points_to_json([version.point])[0] if version.point else None
    return {
        "label": version.label,
        "codec": version.codec,
        "level": version.level,
        "point": point,
        "image": _data_uri(version.frames),
    }


def _data_uri(frames: Sequence[Pixels]) -> str:
    """All frames, one under the other, as one WebP."""
    file = io.BytesIO()
    options: dict[str, Any] = {"lossless": True} if len(frames) == 1 else {"quality": CLIP_QUALITY}
    Image.fromarray(np.concatenate(list(frames), axis=0)).save(file, format="WEBP", method=4, **options)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
