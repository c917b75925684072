# SPDX-License-Identifier: Apache-2.0
"""An encode that is stopped keeps what is finished, and the same command goes on from there."""

from pathlib import Path

import numpy as np
import pytest
from mosaic import MosaicConfig

import lamina
from lamina.codec import Progress
from lamina.errors import Interrupted
from lamina.media.job import PART_SUFFIX

GROUPS = MosaicConfig(group_frames=32)


class StopAt:
    """Stops a fit when it begins frame `frame`; remembers what it saw."""

    def __init__(self, frame: int | None) -> None:
        self.frame = frame
        self.seen: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.seen.append(progress)
        if progress.stage == f"frame {self.frame}":
            raise Interrupted("test")


@pytest.fixture
def frames(pixels: np.ndarray) -> list[np.ndarray]:
    return [np.roll(pixels, number, axis=0) for number in range(70)]


@pytest.mark.usefixtures("mosaic")
def test_a_stopped_encode_goes_on_at_the_next_group(tmp_path: Path, frames: list[np.ndarray]) -> None:
    whole = lamina.encode(frames, tmp_path / "whole.lam", config=GROUPS)
    path = tmp_path / "stopped.lam"
    part = path.with_name(path.name + PART_SUFFIX)
    with pytest.raises(Interrupted, match=r"32 frames of it are in .*the same command goes on"):
        lamina.encode(frames, path, config=GROUPS, progress=StopAt(40))
    assert not path.exists()
    assert lamina.open(part / "stream.lam").decode().shape[0] == 32
    going_on = StopAt(None)
    lamina.encode(frames, path, config=GROUPS, progress=going_on)
    assert [seen.stage for seen in going_on.seen[::3]] == [f"frame {number}" for number in range(32, 70)]
    assert going_on.seen[0].done == pytest.approx(32 / 70)
    assert not part.exists()
    assert path.read_bytes() == Path(whole.stream.name).read_bytes()


@pytest.mark.usefixtures("mosaic")
def test_another_configuration_begins_anew(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "stopped.lam"
    with pytest.raises(Interrupted):
        lamina.encode(frames, path, config=GROUPS, progress=StopAt(40))
    going_on = StopAt(None)
    assert lamina.encode(frames, path, layers=2, progress=going_on).level_count == 2
    assert len(going_on.seen) == 3 * 70


@pytest.mark.usefixtures("mosaic")
def test_a_stop_before_the_first_frame_leaves_nothing(tmp_path: Path, frames: list[np.ndarray]) -> None:
    with pytest.raises(Interrupted, match="nothing was written"):
        lamina.encode(frames, tmp_path / "stopped.lam", progress=StopAt(0))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("mosaic")
def test_a_journal_that_lost_its_end_is_continued(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "stopped.lam"
    with pytest.raises(Interrupted):
        lamina.encode(frames, path, config=GROUPS, progress=StopAt(40))
    journal = path.with_name(path.name + PART_SUFFIX) / "stream.lam"
    journal.write_bytes(journal.read_bytes()[:-7])
    going_on = StopAt(None)
    assert lamina.encode(frames, path, config=GROUPS, progress=going_on).decode().shape[0] == 70
    assert len(going_on.seen) == 3 * 70, "the only group had lost a unit"


@pytest.mark.usefixtures("mosaic")
def test_what_was_finished_is_not_coded_again(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "stopped.lam"
    with pytest.raises(Interrupted):
        lamina.encode(frames, path, config=GROUPS, progress=StopAt(69))
    going_on = StopAt(None)
    assert lamina.encode(frames, path, config=GROUPS, progress=going_on).decode().shape[0] == 70
    assert len(going_on.seen) == 3 * 6


@pytest.mark.usefixtures("mosaic")
def test_files_of_others_in_the_part_folder_are_left_alone(tmp_path: Path, frames: list[np.ndarray]) -> None:
    part = tmp_path / ("clip.lam" + PART_SUFFIX)
    part.mkdir()
    (part / "diary.txt").write_text("mine")
    lamina.encode(frames[:3], tmp_path / "clip.lam")
    assert (part / "diary.txt").read_text() == "mine"
