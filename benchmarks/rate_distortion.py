# SPDX-License-Identifier: Apache-2.0
"""Lamina against its rivals: pictures or clips enter; benchmarks/results/*.json and a summary leave.

    python benchmarks/rate_distortion.py stills --bpp 0.19 0.42 0.66       # what is missing, then the summary
    python benchmarks/rate_distortion.py stills --single-layer             # for the cost of scalability
    python benchmarks/rate_distortion.py stills --splats 9000 --pictures kodim08 --preset fast
    python benchmarks/rate_distortion.py clips --clips akiyo --bpp 0.1 0.3
    python benchmarks/rate_distortion.py stills --summary                  # encode nothing

Runs can be stopped, go on where they were, and be shared out over processes by picture. Protocol: DESIGN.md, 5.10.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure_lamina import EncoderSettings, Target, measure_clip, measure_still
from benchmarks.result_files import add_figures, read_figures
from benchmarks.rivals.clips import CLIPS, open_choice
from benchmarks.rivals.stills import kodak_pictures
from benchmarks.summary_tables import clip_report, still_report

from lamina.data import read_image

STILL_BPP = (0.19, 0.42, 0.66)
SINGLE_LAYER_BPP = (0.04, 0.08, 0.19, 0.42, 0.66)
"""From what a base layer costs to what the top level costs."""
CLIP_BPP = (0.05, 0.15, 0.4)
PROTOCOL = (
    "whole file, levels from the file cut there; 8-bit RGB, whole frame, all frames; PSNR is the mean of each frame's"
)


def result_name(kind: str, settings: EncoderSettings) -> str:
    """Which result file a run belongs to: ``stills_default``, ``clips_fast_resolution``, ``stills_default_single``."""
    resolution = ["resolution"] if settings.scalability == "resolution" else []
    layers = [] if settings.layers is None else ["single" if settings.layers == 1 else f"{settings.layers}layers"]
    return "_".join([kind, settings.preset, *resolution, *layers])


def measure_missing(options: argparse.Namespace, settings: EncoderSettings) -> None:
    """Encode and measure what the result file lacks, saving after each file."""
    name = result_name(options.kind, settings)
    facts = {"preset": settings.preset, "scalability": settings.scalability, "protocol": PROTOCOL}
    for subject in options.subjects:
        for target in _targets(options):
            if str(target) in read_figures(name).get(subject, {}) and not options.again:
                continue
            path = Path(options.work) / name / f"{subject}_{target}.lam"
            result = _measure(options.kind, subject, settings, target, path)
            add_figures(name, facts, subject, {str(target): result})
            print(_line(subject, str(target), result), flush=True)


def _measure(kind: str, subject: str, settings: EncoderSettings, target: Target, path: Path) -> dict[str, Any]:
    if kind == "clips":
        return measure_clip(open_choice(subject), settings, target, path)
    pixels = read_image(kodak_pictures([subject])[subject]).pixels
    return measure_still(pixels, settings, target, path)


def _line(subject: str, target: str, result: dict[str, Any]) -> str:
    levels = "  ".join(f"{level['bytes']} B {level['psnr']:.2f} dB" for level in result["levels"])
    return f"{subject} {target}: {levels}  ({result['encode_s']:.1f} s)"


def _targets(options: argparse.Namespace) -> list[Target]:
    if options.splats:
        return [Target(splats=count) for count in options.splats]
    usual = CLIP_BPP if options.kind == "clips" else SINGLE_LAYER_BPP if options.layers == 1 else STILL_BPP
    return [Target(bits_per_pixel=value) for value in options.bpp or usual]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, subjects in (("stills", "pictures"), ("clips", "clips")):
        verb = kinds.add_parser(kind)
        verb.add_argument(f"--{subjects}", dest="subjects", nargs="*", default=[], help="all when left out")
        verb.add_argument("--bpp", type=float, nargs="*", default=[], help="bits per pixel of the top level")
        verb.add_argument("--splats", type=int, nargs="*", default=[], help="splats of the top level, instead of --bpp")
        verb.add_argument("--preset", default="default")
        verb.add_argument("--scalability", default="quality", choices=["quality", "resolution"])
        verb.add_argument("--layers", type=int, default=None)
        verb.add_argument("--single-layer", dest="layers", action="store_const", const=1)
        verb.add_argument("--work", default=str(Path(tempfile.gettempdir()) / "lamina_rate_distortion"))
        verb.add_argument("--again", action="store_true", help="measure anew what is known already")
        verb.add_argument("--summary", action="store_true", help="encode nothing")
    return parser


def main() -> None:
    """Command line."""
    options = _parser().parse_args()
    settings = EncoderSettings(options.preset, options.layers, options.scalability)
    options.subjects = options.subjects or list(CLIPS if options.kind == "clips" else kodak_pictures())
    if not options.summary:
        measure_missing(options, settings)
    report = clip_report if options.kind == "clips" else still_report
    print(report(read_figures(result_name(options.kind, settings)), options.preset))


if __name__ == "__main__":
    main()
