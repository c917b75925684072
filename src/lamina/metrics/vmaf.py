# SPDX-License-Identifier: Apache-2.0
"""Frames of two clips enter, VMAF (0...100) of each frame leaves, measured by an ffmpeg that has libvmaf.

Both clips are handed over as RGB in temporary files and converted alike to 8-bit 4:2:0 (limited range, BT.709 from 720
lines on, else BT.601, as the source most likely was). Model vmaf_v0.6.1: luma only, trained for 1080p seen at three
picture heights.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.errors import BackendUnavailable, SignalError
from lamina.metrics.ffmpeg import find_ffmpeg
from lamina.metrics.psnr import check_pair

MODEL = "vmaf_v0.6.1"
REFERENCE, DECODED = "reference.rgb", "decoded.rgb"
"""Names in the temporary folder."""
HD_HEIGHT_PX = 720
"""From here on BT.709: the rule of `lamina.data.color`, which this room must not import; a test compares them."""
SECONDS_PER_FRAME_LIMIT = 20
"""A frame takes milliseconds at 1080p; an ffmpeg that needs this long hangs."""


@dataclass(frozen=True)
class VmafScore:
    """VMAF of a clip."""

    mean: float
    """Arithmetic mean over frames, 0...100."""
    frames: tuple[float, ...]
    """Score of each frame, 0...100."""


def vmaf(
    reference: Iterable[UInt8[np.ndarray, "h w 3"]],
    decoded: Iterable[UInt8[np.ndarray, "h w 3"]],
    frames_per_second: Fraction = Fraction(25),
    *,
    threads: int = 2,
) -> VmafScore:
    """VMAF of all frames; both iterables are read once, in step. The rate matters only to motion at scene cuts.

    Raises:
        BackendUnavailable: no ffmpeg with libvmaf is installed.
        SignalError: no frames, different counts, different sizes, or a size that libvmaf refuses.
    """
    ffmpeg = find_ffmpeg("libvmaf")
    with tempfile.TemporaryDirectory(prefix="lamina_vmaf_") as name:
        folder = Path(name)
        count, (height, width) = _store(reference, decoded, folder)
        command = [str(ffmpeg), "-nostdin", "-v", "error"]
        for file in (DECODED, REFERENCE):
            command += ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
            command += ["-framerate", str(frames_per_second), "-i", file]
        command += ["-lavfi", _filter_graph(height, threads), "-f", "null", "-"]
        limit = SECONDS_PER_FRAME_LIMIT * count + SECONDS_PER_FRAME_LIMIT
        try:
            subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit, check=True)
            report = json.loads((folder / "vmaf.json").read_text())
        except subprocess.CalledProcessError as error:
            reason = error.stderr.strip().splitlines()[-1:] or [f"exit status {error.returncode}"]
            raise SignalError(
                f"VMAF failed on {count} frames of {width}x{height}: {reason[0]}; it needs about 32x32 pixels or more"
            ) from error
        except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
            raise BackendUnavailable(f"{ffmpeg} gave no VMAF report: {error}") from error
    scores = tuple(float(frame["metrics"]["vmaf"]) for frame in report["frames"])
    if len(scores) != count:
        raise BackendUnavailable(f"{ffmpeg} measured {len(scores)} of {count} frames; try another ffmpeg")
    return VmafScore(math.fsum(scores) / count, scores)


def _filter_graph(height: int, threads: int) -> str:
    """Filters of libav: both clips to the same 4:2:0, then VMAF; the first input is the decoded clip."""
    matrix = "bt709" if height >= HD_HEIGHT_PX else "bt601"
    convert = f"scale=out_color_matrix={matrix}:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"
    options = f"model=version={MODEL}:log_fmt=json:log_path=vmaf.json:n_threads={threads}"
    return f"[0:v]{convert}[a];[1:v]{convert}[b];[a][b]libvmaf={options}"


def _store(reference: Iterable[np.ndarray], decoded: Iterable[np.ndarray], folder: Path) -> tuple[int, tuple[int, int]]:
    """Write both clips, frame by frame in step; returns the number of frames and their height and width."""
    shape: tuple[int, ...] = ()
    count = 0
    with (folder / REFERENCE).open("wb") as reference_file, (folder / DECODED).open("wb") as decoded_file:
        for first, second in zip_longest(reference, decoded):
            if first is None or second is None:
                longer = "reference" if second is None else "decoded clip"
                raise SignalError(f"VMAF: the {longer} has more than {count} frames, the other has {count}")
            shape = shape or first.shape
            if first.shape != shape or second.shape != shape or len(shape) != 3 or shape[2] != 3:
                raise SignalError(f"VMAF: frame {count}: sizes {first.shape} and {second.shape}; expected {shape}")
            check_pair(first, second)
            reference_file.write(np.ascontiguousarray(first).data)
            decoded_file.write(np.ascontiguousarray(second).data)
            count += 1
    if not shape:
        raise SignalError("VMAF: no frames; expected at least one pair")
    return count, (shape[0], shape[1])
