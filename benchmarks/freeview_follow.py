# SPDX-License-Identifier: Apache-2.0
"""How long after its pictures are there a frame can be played, while cameras still record and the encoder follows them.

In: a timed capture as a folder of pictures. Out: benchmarks/results/freeview_follow.json. `lamina encode --follow` runs
beside it; a frame is copied into the folder when the one before can be played from the file that grows.

    python -m benchmarks.freeview_follow CAPTURE --frames 8
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.run_log import write_result

import lamina
from lamina.errors import LaminaError
from lamina.media.job import journal_of

POLL_S = 0.1
FIRST_FRAME_LIMIT_S = 1_800
"""Seconds for the first frame, after which the run has failed."""


def frames_in(path: Path) -> int:
    """Frames that a viewer gets at the top level of a file that is being written."""
    written = journal_of(path)
    if not written.is_file():
        return 0
    try:
        with lamina.open(written) as media:
            return sum(1 for _ in media.models())
    except LaminaError:
        return 0


def arrive(capture: Path, folder: Path, frame: int) -> None:
    """The pictures and masks of a moment come, masks first."""
    for kind in ("seg", "ims"):
        for camera in sorted((capture / kind).iterdir()) if (capture / kind).is_dir() else ():
            for picture in camera.glob(f"{frame:06d}.*"):
                place = folder / kind / camera.name / picture.name
                place.parent.mkdir(parents=True, exist_ok=True)
                part = place.with_name(place.name + ".part")
                shutil.copyfile(picture, part)
                part.rename(place)


def started(capture: Path, folder: Path) -> None:
    """All but the pictures."""
    for entry in capture.iterdir():
        if entry.name not in ("ims", "seg"):
            (shutil.copytree if entry.is_dir() else shutil.copyfile)(entry, folder / entry.name)
    arrive(capture, folder, 0)


def waited_for(output: Path, count: int, encoder: subprocess.Popen[bytes], limit_s: float) -> float:
    """Seconds until so many frames can be played.

    Raises:
        RuntimeError: the encoder ended, or it took too long.
    """
    start = time.monotonic()
    while frames_in(output) < count:
        if encoder.poll() is not None:
            raise RuntimeError(f"the encoder ended with {encoder.returncode}")
        if time.monotonic() - start > limit_s:
            raise RuntimeError(f"frame {count - 1} did not come within {limit_s} s")
        time.sleep(POLL_S)
    return time.monotonic() - start


def main() -> None:
    """Follow a capture that grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--scale", default="1/2")
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary) / "capture", Path(temporary) / "live.lam"
        folder.mkdir()
        started(options.capture, folder)
        command = [sys.executable, "-m", "lamina", "encode", str(folder), str(output), "--codec", "freeview"]
        command += ["--follow", "--scale", options.scale, "--preset", options.preset]
        encoder = subprocess.Popen(command)
        first_s = waited_for(output, 1, encoder, FIRST_FRAME_LIMIT_S)
        latencies_s = []
        for frame in range(1, options.frames):
            arrive(options.capture, folder, frame)
            latencies_s.append(waited_for(output, frame + 1, encoder, FIRST_FRAME_LIMIT_S))
        encoder.send_signal(signal.SIGINT)
        code = encoder.wait()
        with lamina.open(output) as media:
            kept = media.frame_count
    settings = {"capture": options.capture.name, "scale": options.scale, "preset": options.preset}
    figures = {"first_frame_s": first_s, "latencies_s": latencies_s, "exit_code": code, "frames_kept": kept}
    print(write_result("freeview_follow", settings, figures))


if __name__ == "__main__":
    main()
