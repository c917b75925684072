# SPDX-License-Identifier: Apache-2.0
"""Free-viewpoint video, ways to move anchors side by side: the same first frame, several lambdas, whole files.

In: a timed capture, and a file of it whose first frame all start from (one level; HPC compares like that too: results
hang on the first frame more than on all else). Out: benchmarks/results/freeview_rates.json, of each variant a point a
lambda: bytes and PSNR of the frames after the first.

    lamina encode CAPTURE one_level.lam --frames 0:1 --scale 1/2 --levels 1
    python -m benchmarks.freeview_rates CAPTURE --first one_level.lam --frames 0:13 --variant ours,paper --jobs 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest import mock

import torch
from benchmarks.result_files import add_figures

import lamina
from lamina.codecs.freeview.coding import Decoder, decode_states
from lamina.codecs.freeview.config import PRESETS, FreeviewConfig, NetworkedConfig
from lamina.codecs.freeview.fit import fit as fit_cells
from lamina.codecs.freeview.fit import networked_fit
from lamina.codecs.freeview.fit.start import movers
from lamina.codecs.freeview.model import FirstPart
from lamina.data.captures.timed import TimedCapture, read_timed_capture

PAPER_ITERATIONS = 100
"""Steps a frame of all variants with networks: the paper's 500 find little more here (freeview prototype)."""


def _ours(**fields: Any) -> FreeviewConfig:
    return replace(PRESETS["default"], level_count=1, **fields)


def _paper(group_frames: int = 5, **fields: Any) -> FreeviewConfig:
    networked = NetworkedConfig(iterations=PAPER_ITERATIONS, **fields)
    return replace(PRESETS["paper"], networked=networked, group_frames=group_frames)


VARIANTS: Mapping[str, Callable[[], FreeviewConfig]] = {
    "ours": _ours,
    "ours_all_active": lambda: _ours(
        motion=replace(PRESETS["default"].motion, active_share=0.0),
        births=replace(PRESETS["default"].births, enabled=False),
    ),
    "paper": _paper,
    "paper_without_nnc": lambda: _paper(network_bits=32),
    "paper_16_bits": lambda: _paper(network_bits=16),
    "paper_8_bits_only": lambda: _paper(network_entropy=False, temporal_reference=False),
    "paper_entropy_only": lambda: _paper(temporal_reference=False),
    "paper_without_ila": lambda: _paper(inner_aggregation=False),
    "paper_without_cla": lambda: _paper(scale_count=1),
    "paper_group_10": lambda: _paper(group_frames=10),
    "paper_group_20": lambda: _paper(group_frames=20),
    "paper_literal": lambda: _paper(literal_objective=True),
    "paper_gains_of_1": lambda: _paper(
        feature_gain=1.0, translation_gain=1.0, rotation_gain=1.0, offset_gain=1.0, latent_rate=0.1, network_rate=0.005
    ),
    "paper_triplane": lambda: _paper(representation="triplane"),
    "paper_hash_grid": lambda: _paper(representation="hash grid"),
    "ifvc_triplane": lambda: _paper(representation="triplane", network_bits=32),
}
"""Name -> configuration; its lambda comes from the command line, times what is asked for."""


def first_of(path: Path, config: FreeviewConfig) -> FirstPart:
    """The first frame of a file, with whatever moves anchors under a configuration."""
    decoder: Decoder | None = None
    with lamina.open(path) as media:
        for unit, found, _ in decode_states(media.stream.units()):
            decoder = found
            if unit.key.group >= 0:
                break
    assert decoder is not None
    layers = decoder.rest.layers
    cells, networks = movers(config, decoder.facts.anchors, layers)
    flags = {"has_cells": cells is not None, "has_networks": networks is not None}
    facts = replace(decoder.facts, cells=cells, networks=networks, **flags)
    return FirstPart(facts, decoder.rest.heads, decoder.context, layers, decoder.rest.cameras)


@contextmanager
def starting_from(first: FirstPart) -> Iterator[None]:
    """Encodes start from this first frame while the context lasts."""
    with (
        mock.patch.object(fit_cells, "fit_first", return_value=first),
        mock.patch.object(networked_fit, "fit_first", return_value=first),
    ):
        yield


def point(capture: TimedCapture, config: FreeviewConfig, first: Path, path: Path) -> dict[str, Any]:
    """One encode: bytes and quality of the frames after the first."""
    path.unlink(missing_ok=True)
    start = time.process_time()
    with starting_from(first_of(first, config)):
        lamina.encode(capture, path, config=config).close()
    spent = time.process_time() - start
    with lamina.open(path) as media:
        sizes = [0] * media.frame_count
        for entry in media.stream.entries:
            if entry.key.group >= 0:
                sizes[entry.key.frame] += entry.length
        (quality,) = lamina.compare(media, capture)
        stream_bytes = sum(entry.length for entry in media.stream.entries if entry.key.group < 0)
    assert quality.over_time is not None
    frames = quality.over_time.frames[1:]
    moving = [frame.moving_psnr for frame in frames if frame.moving_psnr is not None]
    return {
        "rate_weight": config.rate_weight,
        "frame_bytes": (path.stat().st_size - stream_bytes) / (len(sizes) - 1),
        "psnr": fmean(frame.psnr for frame in frames),
        "moving_psnr": fmean(moving) if moving else None,
        "last_five_psnr": fmean(frame.psnr for frame in frames[-5:]),
        "first_psnr": quality.over_time.frames[0].psnr,
        "frame_sizes": sizes[1:],
        "frame_psnr": [round(frame.psnr, 3) for frame in frames],
        "cpu_s_a_frame": spent / (len(sizes) - 1),
    }


def measure(options: argparse.Namespace, variant: str, weight: float) -> None:
    """One point, kept at once: runs stop and go on."""
    torch.set_num_threads(1)
    start, stop = (int(number) for number in options.frames.split(":"))
    capture = read_timed_capture(options.capture, scale=options.scale).cut(start, stop)
    config = replace(VARIANTS[variant](), rate_weight=weight)
    with tempfile.TemporaryDirectory() as folder:
        found = point(capture, config, options.first, Path(folder) / "play.lam")
    settings = {"capture": capture.name, "frames": options.frames, "scale": str(options.scale)}
    settings |= {"first": options.first.name, "iterations with networks": PAPER_ITERATIONS}
    add_figures("freeview_rates", settings, variant, {f"{weight:g}": found})
    print(f"{variant} {weight:g}: {found['frame_bytes']:.0f} bytes a frame, {found['psnr']:.2f} dB", flush=True)


def main() -> None:
    """Measure each variant at each lambda."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--first", type=Path, required=True, help="a file whose first frame all start from")
    parser.add_argument("--frames", default="0:13")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--variant", default="ours,paper", help=f"of {', '.join(VARIANTS)}; several with commas")
    parser.add_argument("--lambdas", default=".001,.004,.016")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, of one thread each")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        runs = [
            pool.submit(measure, options, variant, float(word))
            for variant in options.variant.split(",")
            for word in options.lambdas.split(",")
        ]
        for run in runs:
            run.result()


if __name__ == "__main__":
    main()
