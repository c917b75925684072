# SPDX-License-Identifier: Apache-2.0
"""Preset `paper`: levels that come and go, noise, what bits are estimated by, tables, boxes that are full."""

from functools import cache

import numpy as np
import pytest
import torch
from masked_play import SMALL, masked_play

from lamina.codec import Choices, Session
from lamina.codecs.volume import CODEC
from lamina.codecs.volume.coding import decode, encode
from lamina.codecs.volume.config import PRESETS, PaperConfig, VolumeConfig
from lamina.codecs.volume.fit.field import field_of
from lamina.codecs.volume.fit.fit import fit
from lamina.codecs.volume.fit.level_prior import LevelPrior
from lamina.codecs.volume.fit.progressive import Schedule
from lamina.codecs.volume.fit.rate import REACH
from lamina.codecs.volume.model import FramePart, Part
from lamina.codecs.volume.syntax import LevelHead
from lamina.errors import SignalError
from lamina.grids.lattice import Lattice
from lamina.media.configuring import configured
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

LATTICE = Lattice((0.0, 0.0, 0.0), 0.25, (1, 1, 1), 3)


def config_of(**fields: object) -> VolumeConfig:
    own = {name: value for name, value in SMALL.items() if not name.startswith(("key.", "predicted."))}
    steps = {"paper.key_steps": 60, "paper.frame_steps": 30, "rate_weight": 0.001}
    return configured(CODEC, Choices("paper"), {**own, **steps, **fields})


@cache
def parts() -> tuple[Part, ...]:
    return tuple(fit(masked_play(4), config_of(), Session()))


@cache
def units() -> tuple[Unit, ...]:
    return tuple(encode(parts()))


def heads() -> list[LevelHead]:
    own = [unit for unit in units() if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER]
    return [LevelHead.unpack(unit.payload)[0] for unit in own]


def test_units_have_tables_and_all_cells_and_no_vectors() -> None:
    assert all(head.has_tables and not head.has_vectors for head in heads())
    assert [head.is_dense for head in heads()] == 4 * [True, True, False]
    assert [head.is_key for head in heads()] == [*3 * [True], *6 * [False], *3 * [True]]


def test_what_was_fitted_is_what_is_decoded() -> None:
    frames = [part for part in parts() if isinstance(part, FramePart)]
    models = list(decode(units()))
    assert len(models) == 12
    for model in models:
        np.testing.assert_array_equal(model.state.symbols, frames[model.frame].contents[model.level].symbols)
        x, y, z = model.state.level.counts
        assert len(model.state.level.cells) == x * y * z
    assert all(list(part.quality_db) == sorted(part.quality_db) for part in frames)
    assert frames[-1].quality_db[-1] > 22


@pytest.mark.parametrize(
    "fields",
    [
        {"paper.is_dense": False},
        {"paper.prior": "histogram", "paper.has_noise": False},
        {"paper.is_table_by_channel": True, "paper.has_gains": True, "paper.does_freeze": False},
    ],
)
def test_each_part_can_be_left_out(fields: dict[str, object]) -> None:
    found = list(fit(masked_play(2), config_of(**fields), Session()))
    assert len(list(decode(encode(found)))) == 6
    assert all(
        content.counts is not None for part in found[2:] if isinstance(part, FramePart) for content in part.contents
    )


def test_levels_come_and_go_in_the_order_of_the_text() -> None:
    """40,000 steps, 2,500 from level to level, six levels: as in the paper."""
    schedule = Schedule.of(PaperConfig(), 40_000, 6)
    assert [schedule.top(step) for step in (0, 2_499, 2_500, 12_499, 12_500, 39_999)] == [0, 0, 1, 4, 5, 5]
    # Level l of 1...6 stops at 40,000 - (6 - l) 2,500.
    for level in range(1, 6):
        stops = 40_000 - (6 - level) * 2_500
        assert (schedule.bottom(stops - 1), schedule.bottom(stops)) == (level - 1, level)
    assert schedule.bottom(39_999) == 5
    assert Schedule.of(PaperConfig(does_freeze=False), 40_000, 6).bottom(39_999) == 0
    assert [schedule.bottom(step) <= schedule.top(step) for step in range(0, 40_000, 111)].count(False) == 0


def test_noise_is_as_wide_as_a_step_and_another_one_each_time() -> None:
    field = field_of(LATTICE, np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]], np.int32), np.full((3, 4), 0.5, np.float32))
    drawn = []
    for seed in range(400):
        field.noise_seed = seed
        field.add_up(0)
        drawn.append(field.levels[0].values.copy())
    found = np.stack(drawn) / 0.5
    assert -0.5 <= found.min() < -0.49
    assert 0.49 < found.max() < 0.5
    assert abs(float(found.mean())) < 0.01
    assert float(found.std()) == pytest.approx(12**-0.5, rel=0.02)
    together = np.corrcoef(found.reshape(len(found), -1).T)
    assert np.abs(together - np.eye(len(together))).max() < 0.25


def test_what_is_learned_costs_what_it_must() -> None:
    """Integers of a known distribution: bits within 5 % of its entropy, and tables that say the same."""
    random = np.random.default_rng(0)
    symbols = np.rint(random.laplace(0, 1.2, (20_000, 2))).astype(np.int32)
    steps = np.array([0.5, 0.25], np.float32)
    prior = LevelPrior.fresh(2, torch.Generator().manual_seed(0), is_learned=True, is_by_channel=True)
    for _ in range(12):
        bits = prior.bits(symbols * steps, steps, torch.Generator().manual_seed(1))
    values, counts = np.unique(symbols[:, 0], return_counts=True)
    shares = counts / counts.sum()
    entropy = float(-(shares * np.log2(shares)).sum())
    assert float((shares * bits[0, values + REACH]).sum()) == pytest.approx(entropy, rel=0.05)
    made = prior.counts(symbols)
    assert len(made.rows) == 2
    assert made.lows == [int(column.min()) for column in symbols.T]
    share = np.array(made.rows[0][:-1]) / sum(made.rows[0])
    assert float(-(shares * np.log2(share[values - made.lows[0]])).sum()) == pytest.approx(entropy, rel=0.05)


def test_a_box_with_too_many_vertices_is_refused() -> None:
    with pytest.raises(SignalError, match="choose another box or a larger voxel"):
        list(fit(masked_play(1), config_of(voxel=0.01, level_count=4), Session()))


def test_it_is_a_preset_with_one_step_at_all_levels() -> None:
    preset = PRESETS["paper"]
    assert preset.paper == PaperConfig()
    assert preset.steps.growth == 1.0
    assert preset.group_frames == 20
    with pytest.raises(ValueError, match="activation_share"):
        PaperConfig(activation_share=0.0)
    with pytest.raises(ValueError, match="lower_weight"):
        PaperConfig(lower_weight=-1.0)
