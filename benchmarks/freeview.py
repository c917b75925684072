# SPDX-License-Identifier: Apache-2.0
"""Free-viewpoint video, whole files: encoded, decoded and compared; quality, bytes, times and memory of each level.

In: a timed capture (panoptic_basketball of the data manifest). Out: benchmarks/results/freeview_<variant>.json.

    python -m benchmarks.freeview CAPTURE --frames 0:60 --scale 1/2                    # preset default, 8 minutes
    python -m benchmarks.freeview CAPTURE --frames 0:60 --scale 1/2 --variant fast
    python -m benchmarks.freeview CAPTURE --frames 0:60 --scale 1/2 --variant one_level,no_births,...
    python -m benchmarks.freeview CAPTURE --frames 0:9 --scale 1/2 --situation enters          # also half_cameras
    python -m benchmarks.freeview CAPTURE --scale 1/2 --fresh 50,59                            # each fitted for itself
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
from benchmarks.freeview_situations import SITUATIONS
from benchmarks.run_log import write_result

import lamina
from lamina.codec import Progress
from lamina.codecs.freeview.config import PRESETS, FreeviewConfig
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.media.comparison import LevelQuality

Change = Callable[[FreeviewConfig], FreeviewConfig]

RENDERED_FRAMES = 40
"""That are rendered to tell how fast."""


def _motion(**fields: Any) -> Change:
    return lambda config: replace(config, motion=replace(config.motion, **fields))


def _births(**fields: Any) -> Change:
    return lambda config: replace(config, births=replace(config.births, **fields))


VARIANTS: Mapping[str, tuple[str, Change]] = {
    "default": ("default", lambda config: config),
    "fast": ("fast", lambda config: config),
    "one_level": ("default", lambda config: replace(config, level_count=1)),
    "no_births": ("default", _births(enabled=False)),
    "all_active": ("default", _motion(active_share=0.0)),
    "no_lower_levels": ("default", _motion(lower_share=0.0)),
    "ratio_fifth": ("default", _motion(ratio=0.2)),
    "groups_of_60": ("default", lambda config: replace(config, join_groups=0)),
    "half_iterations": ("default", _motion(iterations=75)),
    "double_iterations": ("default", _motion(iterations=300)),
    "lambda_half": ("default", lambda config: replace(config, rate_weight=0.5 * config.rate_weight)),
    "lambda_double": ("default", lambda config: replace(config, rate_weight=2.0 * config.rate_weight)),
    "lambda_4": ("default", lambda config: replace(config, rate_weight=4.0 * config.rate_weight)),
}
"""Name -> preset, and what is changed of it."""


class Clock:
    """Wall and processor time of each frame, from reports of progress."""

    def __init__(self) -> None:
        self.stage = ""
        self.began = (time.monotonic(), time.process_time())
        self.spent: dict[str, tuple[float, float]] = {}

    def __call__(self, progress: Progress) -> None:
        """Note a report: `frame 3 of 60`, or anything before the first of these."""
        words = progress.stage.split()
        stage = words[1] if words[:1] == ["frame"] else "first"
        now = (time.monotonic(), time.process_time())
        if stage != self.stage:
            self.close(now)
            self.stage, self.began = stage, now

    def close(self, now: tuple[float, float]) -> None:
        """What is spent on the stage so far."""
        if self.stage:
            self.spent[self.stage] = (now[0] - self.began[0], now[1] - self.began[1])


def level_facts(level: LevelQuality) -> dict[str, Any]:
    """Bytes and quality of a level, over time but not frame by frame."""
    facts = level.as_json()
    assert level.over_time is not None
    frames = level.over_time.frames
    facts["over_time"]["frames"] = [round(frame.psnr, 3) for frame in frames]
    facts["over_time"]["last_ten_psnr"] = fmean(frame.psnr for frame in frames[-10:])
    return facts


def speeds(path: Path) -> dict[str, float]:
    """Milliseconds of decoding and applying a frame, frames rendered a second at the capture's size; medians."""
    with lamina.open(path) as media:
        models, times = [], []
        iterator = media.models()
        while True:
            start = time.perf_counter()
            model: Any = next(iterator, None)
            if model is None:
                break
            assert len(model.anchors) > 0
            times.append(time.perf_counter() - start)
            models = [*models, model][-RENDERED_FRAMES:]
        camera = models[0].cameras[0]
        found = {"decode_and_apply_ms": 1e3 * median(times[1:] or times)}
        for name, factor in (("render_fps", 1), ("render_fps_double_size", 2)):
            view = camera.resized(factor * camera.width, factor * camera.height)
            spent = []
            for model in models:
                start = time.perf_counter()
                media.render(view, model=model)
                spent.append(time.perf_counter() - start)
            found[name] = 1.0 / median(spent[2:] or spent)
        return found


def measured(capture: TimedCapture, variant: str, folder: Path) -> dict[str, Any]:
    """One encode, and all that is asked of its file."""
    preset, change = VARIANTS[variant]
    config, path, clock = change(PRESETS[preset]), folder / f"{variant}.lam", Clock()
    lamina.encode(capture, path, config=config, progress=clock).close()
    clock.close((time.monotonic(), time.process_time()))
    frames = [spent for stage, spent in clock.spent.items() if stage not in ("first", "0")]
    with lamina.open(path) as media:
        levels = [level_facts(level) for level in lamina.compare(media, capture)]
        sizes = [0] * media.frame_count
        for entry in media.stream.entries:
            if entry.key.group >= 0:
                sizes[entry.key.frame] += entry.length
    return {
        "size_bytes": path.stat().st_size,
        "levels": levels,
        "frame_bytes": sizes,
        "first_frame_s": dict(zip(("wall", "cpu"), clock.spent.get("first", ()), strict=False)),
        "frame_s": {"wall": fmean(wall for wall, _ in frames), "cpu": fmean(cpu for _, cpu in frames)}
        if frames
        else {},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **speeds(path),
    }


def fresh_fits(capture: TimedCapture, frames: list[int], folder: Path) -> dict[str, Any]:
    """Frames as first frames: what a frame of a stream may be compared with."""
    found: dict[str, Any] = {}
    for frame in frames:
        path = folder / f"fresh_{frame}.lam"
        lamina.encode(capture.cut(frame, frame + 1), path, config=PRESETS["default"]).close()
        with lamina.open(path) as media:
            *_, top = lamina.compare(media, capture.cut(frame, frame + 1))
        found[str(frame)] = {"psnr": top.psnr, "size_bytes": path.stat().st_size}
    return found


def main() -> None:
    """Encode and measure each variant that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--frames", default="0:60")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--variant", default="default", help=f"of {', '.join(VARIANTS)}; several with commas")
    parser.add_argument("--situation", default="as it is", choices=list(SITUATIONS))
    parser.add_argument("--fresh", help="no stream: these frames, with commas, each for itself")
    parser.add_argument("--keep", type=Path, help="a folder for the files; they are deleted otherwise")
    options = parser.parse_args()
    start, stop = (int(number) for number in options.frames.split(":"))
    capture = SITUATIONS[options.situation](read_timed_capture(options.capture, scale=options.scale)).cut(start, stop)
    suffix = "" if options.situation == "as it is" else f"_{options.situation}"
    settings = {"capture": capture.name, "frames": options.frames, "scale": str(options.scale)}
    settings |= {"threads": torch.get_num_threads()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.fresh:
            frames = [int(word) for word in options.fresh.split(",")]
            print(write_result("freeview_fresh", settings, fresh_fits(capture, frames, folder)))
            return
        for variant in options.variant.split(","):
            figures = measured(capture, variant, folder)
            print(write_result(f"freeview_{variant}{suffix}", settings | {"variant": variant}, figures))


if __name__ == "__main__":
    main()
