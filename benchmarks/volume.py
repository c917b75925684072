# SPDX-License-Identifier: Apache-2.0
"""Volumetric video, whole files: encoded, decoded and compared over black; quality, bytes, times of each level.

In: a timed capture with masks (panoptic_basketball of the data manifest). Out: results/volume_<variant>.json.

    python -m benchmarks.volume CAPTURE --hold-out 6,13,18,25 --frames 0:60          # 12 minutes of one core
    python -m benchmarks.volume CAPTURE --hold-out 6,13,18,25 --frames 0:20 --variant unmoved,all_intra,...
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from benchmarks.freeview import Clock, level_facts
from benchmarks.run_log import write_result

import lamina
from lamina.codecs.volume.coding import decode_states
from lamina.codecs.volume.config import PRESETS, VolumeConfig
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.media.comparison import compare
from lamina.units import HEADER_LAYER, STREAM_GROUP

Change = Callable[[VolumeConfig], VolumeConfig]

RENDERED_FRAMES = 20
"""That are rendered to tell how fast."""

PROTOCOL = "foreground by masks over black, 8-bit, whole pictures, mean over pictures of PSNR"


def _predicted(**fields: Any) -> Change:
    return lambda config: replace(config, predicted=replace(config.predicted, **fields))


def _paper(**fields: Any) -> Change:
    def change(config: VolumeConfig) -> VolumeConfig:
        assert config.paper is not None
        return replace(config, paper=replace(config.paper, **fields))

    return change


def _weighed(factor: float) -> Change:
    return lambda config: replace(config, rate_weight=factor * config.rate_weight)


VARIANTS: Mapping[str, tuple[str, Change]] = {
    "default": ("default", lambda config: config),
    "fast": ("fast", lambda config: config),
    "lambda_quarter": ("default", _weighed(0.25)),
    "lambda_double": ("default", _weighed(2.0)),
    "lambda_4": ("default", _weighed(4.0)),
    "unmoved": ("default", _predicted(motion_steps=())),
    "rough_vectors": ("default", _predicted(smoothness=0.0)),
    "groups_of_20": ("default", lambda config: replace(config, group_frames=20)),
    "all_intra": ("default", lambda config: replace(config, group_frames=1)),
    "no_network": ("default", lambda config: replace(config, hidden=0)),
    "lower_levels_quarter": ("default", lambda config: replace(config, lower_share=0.25, lower_weight=0.25)),
    "top_level_alone": ("default", lambda config: replace(config, lower_share=0.0)),
    "three_levels": ("default", lambda config: replace(config, level_count=3, voxel_px=2 * config.voxel_px)),
    "two_levels": ("default", lambda config: replace(config, level_count=2, voxel_px=4 * config.voxel_px)),
    "paper": ("paper", lambda config: config),
    "paper_hull": ("paper", _paper(is_dense=False)),
    "paper_rounded": ("paper", _paper(has_noise=False)),
    "paper_histogram": ("paper", _paper(prior="histogram")),
    "paper_tables_by_channel": ("paper", _paper(is_table_by_channel=True)),
    "paper_without_freezing": ("paper", _paper(does_freeze=False)),
    "paper_top_level_alone": ("paper", _paper(lower_weight=0.0)),
    "paper_gains": ("paper", _paper(has_gains=True)),
}
"""Name -> preset, and what is changed of it."""


def speeds(path: Path) -> dict[str, float]:
    """Milliseconds of decoding a frame to values, frames rendered a second at the capture's size; medians."""
    with lamina.open(path) as media:
        units = list(media.stream.units())
        times: dict[int, float] = {}
        start = time.perf_counter()
        for unit, _, _ in decode_states(units):
            now = time.perf_counter()
            if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER:
                times[unit.key.frame] = times.get(unit.key.frame, 0.0) + now - start
            start = now
        found = {"decode_ms": 1e3 * median(times.values())}
        models = [model for _, model in zip(range(RENDERED_FRAMES), media.models(), strict=False)]
        camera = models[0].cameras[0]
        for name, factor in (("render_fps", 1), ("render_fps_double_size", 2)):
            view = camera.resized(factor * camera.width, factor * camera.height)
            spent = []
            for model in models:
                start = time.perf_counter()
                media.render(view, model=model)
                spent.append(time.perf_counter() - start)
            found[name] = 1.0 / median(spent[2:] or spent)
        return found


def frame_bytes(path: Path) -> list[list[int]]:
    """Of each frame, its levels; a group's header counts to its first frame's level 0."""
    with lamina.open(path) as media:
        sizes = [[0] * media.level_count for _ in range(media.frame_count)]
        for entry in media.stream.entries:
            if entry.key.group != STREAM_GROUP:
                sizes[entry.key.frame][max(entry.key.layer, 0)] += entry.length
        return sizes


def measured(capture: TimedCapture, variant: str, folder: Path) -> dict[str, Any]:
    """One encode, and all that is asked of its file."""
    preset, change = VARIANTS[variant]
    config, path, clock = change(PRESETS[preset]), folder / f"{variant}.lam", Clock()
    lamina.encode(capture, path, codec="volume", config=config, progress=clock).close()
    clock.close((time.monotonic(), time.process_time()))
    spent = {int(stage): times for stage, times in clock.spent.items() if stage.isdigit()}
    keys = [times for frame, times in spent.items() if config.is_key(frame)]
    between = [times for frame, times in spent.items() if not config.is_key(frame)]
    with lamina.open(path) as media:
        levels = []
        for level in compare(media, capture, over="black"):
            facts = level_facts(level)
            assert level.over_time is not None
            facts["over_time"]["corrected_frames"] = [frame.corrected_psnr for frame in level.over_time.frames]
            levels.append(facts)
    return {
        "size_bytes": path.stat().st_size,
        "levels": levels,
        "frame_bytes": frame_bytes(path),
        "group_frames": config.group_frames,
        "key_frame_s": {"wall": fmean(wall for wall, _ in keys), "cpu": fmean(cpu for _, cpu in keys)},
        "frame_s": {"wall": fmean(wall for wall, _ in between), "cpu": fmean(cpu for _, cpu in between)}
        if between
        else {},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **speeds(path),
    }


def main() -> None:
    """Encode and measure each variant that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--frames", default="0:60")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--hold-out", default="", help="names of the views that are measured on, with commas")
    parser.add_argument("--variant", default="default", help=f"of {', '.join(VARIANTS)}; several with commas")
    parser.add_argument("--keep", type=Path, help="a folder for the files; they are deleted otherwise")
    options = parser.parse_args()
    start, stop = (int(number) for number in options.frames.split(":"))
    capture = read_timed_capture(options.capture, scale=options.scale).cut(start, stop)
    if options.hold_out:
        capture = capture.held_out(options.hold_out.split(","))
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for variant in options.variant.split(","):
            figures = measured(capture, variant, folder)
            settings = {"capture": capture.name, "frames": options.frames, "scale": str(options.scale)}
            settings |= {"hold_out": options.hold_out, "variant": variant, "threads": torch.get_num_threads()}
            settings |= {"protocol": PROTOCOL}
            print(write_result(f"volume_{variant}", settings, figures))


if __name__ == "__main__":
    main()
