# SPDX-License-Identifier: Apache-2.0
"""Rehearsals are made of media that codecs take, and leave files of all kinds."""

from pathlib import Path

import numpy as np
import pytest

from lamina.media.rehearsal import JOBS, made_up_capture, made_up_frames


def test_made_up_media_move_and_are_seen_from_around() -> None:
    frames, capture = made_up_frames(3), made_up_capture()
    assert np.array_equal(np.roll(frames[0], 2, axis=1), frames[2])
    assert len(capture) > 4
    assert capture.pixels(1).shape == (48, 64, 3)


@pytest.mark.parametrize("job", list(JOBS))
def test_a_job_leaves_coded_and_decoded_files(tmp_path: Path, job: str) -> None:
    JOBS[job](tmp_path)
    suffixes = {path.suffix for path in tmp_path.iterdir()}
    assert ".lam" in suffixes
    assert len(suffixes) > 1
