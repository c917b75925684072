# SPDX-License-Identifier: Apache-2.0
"""Interrupted fits: what was done is kept, the second run goes on, and files that are not of this job are left out."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from lattice_samples import crop, fit, payloads, short, still

from lamina.codec import Progress
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.lattice import checkpoint
from lamina.errors import Interrupted


@dataclass
class Stopwatch:
    """A monitor that asks to stop once `limit` of the job is done, and remembers where the job was."""

    checkpoint: Path | None
    limit: float = 2.0
    first: float | None = None

    def report(self, progress: Progress) -> None:
        assert 0.0 <= progress.done <= 1.0
        self.first = progress.done if self.first is None else self.first
        if progress.done >= self.limit:
            raise Interrupted("stopped by the user")


def units(monitor: Stopwatch, splats: int = 40) -> dict[tuple[int, int, int], bytes]:
    return payloads(CODEC.encode(fit(still(crop()), short(splats), monitor)))


def interrupted(path: Path, limit: float = 0.5) -> None:
    with pytest.raises(Interrupted, match=r"goes on from there"):
        units(Stopwatch(path, limit))


@pytest.mark.parametrize("limit", [0.2, 0.6, 0.85])
def test_a_stopped_fit_goes_on_to_the_same_picture(tmp_path: Path, limit: float) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path, limit)
    assert path.exists()
    second = Stopwatch(path)
    resumed = units(second)
    assert second.first is not None
    assert second.first >= limit - 0.1
    assert resumed == units(Stopwatch(None))
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_stop_without_a_checkpoint_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="by the user"):
        units(Stopwatch(None, 0.5))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_is_no_checkpoint(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    again = Stopwatch(path)
    assert units(again) == units(Stopwatch(None))
    assert again.first is not None
    assert again.first < 0.2


def test_a_checkpoint_of_another_job_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    other = replace(short(40), seed=99)
    assert checkpoint.load(path, checkpoint.job_key(crop(), short(40))) is not None
    assert checkpoint.load(path, checkpoint.job_key(crop(), other)) is None
    assert checkpoint.load(path, checkpoint.job_key(crop("kodim15"), short(40))) is None
    assert checkpoint.load(tmp_path / "none", "") is None


def test_a_checkpoint_keeps_every_number(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    key = checkpoint.job_key(crop(), short(40))
    stored = checkpoint.load(path, key)
    assert stored is not None
    checkpoint.save(tmp_path / "copy", key, *stored)
    again = checkpoint.load(tmp_path / "copy", key)
    assert again is not None
    assert again[0] == stored[0]
    np.testing.assert_array_equal(again[1].splats.parameters, stored[1].splats.parameters)
    assert again[1].random.random() == stored[1].random.random()
