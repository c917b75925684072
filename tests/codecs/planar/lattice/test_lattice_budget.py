# SPDX-License-Identifier: Apache-2.0
"""Bytes over time: shares add up, the price answers misses, and what is coming is told apart."""

import numpy as np
import pytest
from lattice_samples import SHORT, crop, short, timed

from lamina.codecs.planar.lattice.fit.budget import PRICE_RANGE, Budget
from lamina.codecs.planar.lattice.fit.look_ahead import Lookahead, foreseen_ratio


def budget(ratio: float = 0.25, frames: int = 10) -> Budget:
    made = Budget(10_000.0, frames, 64)
    made.plan(ratio)
    return made


def test_a_group_takes_the_bytes_of_the_clip() -> None:
    plan = budget()
    key = plan.key_bytes()
    plan.count(round(key))
    assert key + 9 * plan.predicted_bytes(1) == pytest.approx(10_000, rel=1e-3)
    assert plan.predicted_bytes(1) == pytest.approx(0.25 * key, rel=1e-3)


def test_the_price_rises_gently_at_first_and_firmly_at_the_end() -> None:
    early, late = budget(frames=100), budget(frames=100)
    for plan, done in ((early, 1), (late, 98)):
        plan.done, plan.spent, plan.price = done, 100.0 * done, 1.0
        plan.steer(round(1.02 * plan.predicted_bytes(done)), done)
    assert 1.0 < early.price < late.price < 1.05


def test_a_frame_that_misses_by_too_much_is_redone_at_another_price() -> None:
    plan = budget(frames=3)
    plan.count(round(plan.key_bytes()))
    before = plan.price
    assert not plan.steer(round(3 * plan.predicted_bytes(1)), 1)
    assert plan.price > 2 * before
    assert PRICE_RANGE[0] <= plan.price <= PRICE_RANGE[1]


def test_longer_lives_cost_more_at_first() -> None:
    assert budget(0.05).price > budget(0.5).price > 1.0


def test_what_motion_leaves_wrong_makes_predicted_frames_dear() -> None:
    config = short(60, lattice=SHORT)
    still = [crop("kodim15")] * 4
    flicker = [crop("kodim15"), crop("kodim08"), crop("kodim15"), crop("kodim08")]
    calm, wild = (foreseen_ratio(frames, timed(frames), config, 2400.0) for frames in (still, flicker))
    assert calm == pytest.approx(0.03, abs=0.01)
    assert wild == 1.0
    assert foreseen_ratio(still[:1], timed(still), config, 600.0) == 1.0


def test_frames_that_were_looked_at_still_come() -> None:
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in range(5)]
    frames = Lookahead(timed(pictures), 3)
    seen = []
    for frame in frames:
        frames.fill(3)
        seen.append(int(frame[0, 0, 0]))
    assert seen == [0, 1, 2, 3, 4]
