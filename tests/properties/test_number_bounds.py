# SPDX-License-Identifier: Apache-2.0
"""Every quantity of the decode path is driven to its bound of docs/numbers.md, where plain Python integers watch it.

What 53 bits hold is exact in the doubles of a browser; what 32 bits hold is fast there.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.anchors.context import fixed, layout
from lamina.anchors.octree import MAX_DEPTH
from lamina.bitstream import container
from lamina.codecs.planar.lattice.priors import PRIORS_SHA256
from lamina.codecs.planar.lattice.walk import room_left
from lamina.entropy import mixing
from lamina.entropy.binary import MAX_UNIFORM_SIZE, MAX_WINDOW, fresh_contexts, zero_probability
from lamina.entropy.stream_format import PROBABILITY_BITS, STATE_LOWER_BOUND
from lamina.entropy.tables import MAX_VALUE
from lamina.entropy.walk import measured_bits, open_meter
from lamina.networks import coding, constants
from lamina.networks.fixed_point import ACTIVATION_LIMIT, BIAS_LIMIT, MAX_WIDTH, WEIGHT_LIMIT, FixedMlp

INT32, EXACT = 1 << 31, 1 << 53
DOCUMENT = Path(__file__).parents[2] / "docs" / "numbers.md"


class Watched:
    """The mixer in plain integers; each result of 32 bits or more is an error."""

    def __init__(self, models: int) -> None:
        self.squash, self.stretch, self.rates = (table.tolist() for table in mixing.stored_tables())
        self.slots = [[32768, 0] for _ in range(models)]
        self.weights = [5 * 65536 // (4 * models)] * models

    @staticmethod
    def fit(value: int) -> int:
        assert -INT32 <= value < INT32
        return value

    def code(self, bit: int) -> None:
        models, total = len(self.slots), 0
        logits = [self.stretch[probability >> 4] for probability, _ in self.slots]
        for weight, logit in zip(self.weights, logits, strict=True):
            total = self.fit(total + self.fit(weight * logit))
        place = min(max(total >> 16, -2047), 2047) + 2048
        low, part = place // 32, place % 32
        one = self.fit(self.squash[low] * (32 - part) + self.squash[low + 1] * part) // 32
        error = (bit << 16) - min(max(one, 24), 65512)
        most = (2**31 - 1 - 65536) // (2047 * models)
        for i, (logit, (probability, seen)) in enumerate(zip(logits, self.slots, strict=True)):
            moved = self.fit(self.weights[i] + (self.fit(logit * error) >> 17))
            self.weights[i] = min(max(moved, -most), most)
            moved = probability + (self.fit(((bit << 16) - probability) * self.rates[seen]) >> 15)
            self.slots[i] = [min(max(moved, 16), 65519), min(seen + 1, 255)]


@pytest.mark.parametrize("models", [1, 3, 5, 6, 8])
@pytest.mark.parametrize("pattern", [(1,), (0,), (1,) * 300 + (0,), (0,) * 9 + (1,) * 9, (0, 1)])
def test_the_mixer_stays_within_32_bits_and_equals_its_watched_twin(models: int, pattern: tuple[int, ...]) -> None:
    coder, mixer, twin = open_meter(), mixing.fresh_mixer(models, 1, models), Watched(models)
    mixer.chosen[:] = np.arange(models)
    for number in range(1500):
        bit = pattern[number % len(pattern)]
        mixing.code_mixed_bit(coder, mixer, 0, bit)
        twin.code(bit)
    assert mixer.slots.tolist() == twin.slots
    assert mixer.weights[0].tolist() == twin.weights
    assert measured_bits(coder) > 0


@pytest.mark.parametrize("models", [1, 5, 6, 16])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_heaviest_weights_of_a_mixer_stay_within_32_bits(models: int, side: int) -> None:
    most = mixing.WEIGHT_SUM // (mixing.STRETCH_LIMIT * models)
    mixer, twin = mixing.fresh_mixer(models, 1, models), Watched(models)
    mixer.chosen[:] = np.arange(models)
    mixer.weights[:] = side * most
    mixer.slots[:, mixing.PROBABILITY] = 65519
    twin.weights, twin.slots = [side * most] * models, [[65519, 0] for _ in range(models)]
    for bit in (1, 0, 1, 1, 0):
        mixing.code_mixed_bit(open_meter(), mixer, 0, bit)
        twin.code(bit)
        assert mixer.weights[0].tolist() == twin.weights
        assert np.abs(mixer.weights).max() <= most


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_widest_layer_of_the_largest_numbers_is_exact(sign: int) -> None:
    weights = np.full((2, MAX_WIDTH), sign * WEIGHT_LIMIT, np.int16)
    weights[1, ::2] *= -1
    weights[1, 0] = 1
    biases = np.full(2, sign * BIAS_LIMIT, np.int32)
    inputs = np.full((1, MAX_WIDTH), ACTIVATION_LIMIT, np.int32)
    for bits in (0, 15):
        net = FixedMlp((weights,), (biases,), (bits,))
        expected = []
        for row, bias in zip(weights.tolist(), biases.tolist(), strict=True):
            total = sum(weight * ACTIVATION_LIMIT for weight in row) + (bias << bits)
            assert abs(total) + (1 << 15) < EXACT
            shifted = (total + (1 << bits >> 1)) >> bits
            expected.append(min(max(shifted, -ACTIVATION_LIMIT), ACTIVATION_LIMIT))
        assert net(inputs)[0].tolist() == expected


def test_sums_and_estimates_of_weights_are_exact() -> None:
    assert BIAS_LIMIT * MAX_WIDTH <= coding.MAX_SUM
    assert (coding.MAX_SUM << coding.ESTIMATE_BITS) + coding.PRIOR_WEIGHTS * coding.MAX_ESTIMATE < EXACT
    assert coding.MAX_ESTIMATE**2 < EXACT
    assert coding.magnitude_thresholds().max() < coding.MAX_ESTIMATE
    largest = FixedMlp((np.full((3, 64), -WEIGHT_LIMIT, np.int16),), (np.full(3, BIAS_LIMIT, np.int32),), (4,))
    data = coding.pack_fixed([largest])
    (found,) = coding.unpack_fixed(data, [largest.sizes])
    assert np.array_equal(found.weights[0], largest.weights[0])
    assert np.array_equal(found.biases[0], largest.biases[0])


def test_products_of_the_probability_model_are_exact() -> None:
    scales, inverses = (int(table.max()) for table in layout.scale_tables())
    step = int(layout.step_table().max())
    assert fixed.FARTHEST_MEAN > layout.VALUE_LIMIT
    assert fixed.FARTHEST_CORRECTION >= fixed.FARTHEST_MEAN + layout.VALUE_LIMIT
    assert (fixed.FARTHEST_CORRECTION << fixed.UNIT_BITS) + fixed.UNIT_HALF < EXACT
    assert scales * step < EXACT
    assert MAX_VALUE * step + layout.VALUE_LIMIT < EXACT
    assert MAX_VALUE * inverses < EXACT
    assert 2 * (layout.VALUE_LIMIT >> fixed.VALUE_SHIFT) * WEIGHT_LIMIT < EXACT


@given(
    mean=st.integers(-(1 << 40), 1 << 40),
    correction=st.integers(-ACTIVATION_LIMIT, ACTIVATION_LIMIT),
    scale=st.sampled_from(layout.scale_tables()[0].tolist()),
    step=st.sampled_from(layout.step_table().reshape(-1).tolist()),
)
@settings(max_examples=300, deadline=None)
def test_corrections_saturate_before_the_product_and_change_nothing_within_reach(
    mean: int, correction: int, scale: int, step: int
) -> None:
    unit = scale * step
    farthest = (fixed.FARTHEST_CORRECTION << fixed.UNIT_BITS) // unit
    moved = min(max(correction, -farthest), farthest) * unit
    assert abs(moved) + fixed.UNIT_HALF < EXACT
    near = min(max(mean, -fixed.FARTHEST_MEAN), fixed.FARTHEST_MEAN)
    found = near + ((moved + fixed.UNIT_HALF) >> fixed.UNIT_BITS)
    plain = near + ((correction * unit + fixed.UNIT_HALF) >> fixed.UNIT_BITS)
    limit = layout.VALUE_LIMIT
    assert min(max(found, -limit), limit) == min(max(plain, -limit), limit)


def test_adaptive_bits_and_states_are_exact() -> None:
    contexts = fresh_contexts(1, MAX_WINDOW)
    contexts[0, :2] = contexts[0, 2], 0
    zeros, ones = int(contexts[0, 0]), int(contexts[0, 1])
    assert zeros << PROBABILITY_BITS < EXACT
    assert zero_probability(contexts, 0) == min((zeros << PROBABILITY_BITS) // (zeros + ones), 65535)
    assert MAX_UNIFORM_SIZE << PROBABILITY_BITS < EXACT
    assert STATE_LOWER_BOUND << 8 == 1 << 32


def test_the_hash_grid_is_exact_and_its_sums_fit_32_bits() -> None:
    assert 1 << constants.SUM_BITS < INT32
    assert max(constants.PRIMES) < 1 << 32


def test_sizes_places_and_keys_are_exact() -> None:
    assert container.MAX_PAYLOAD_BYTES < EXACT
    assert container.MAX_UNITS * 64 < EXACT
    assert 3 * MAX_DEPTH > 53, "Morton keys do not fit: docs/numbers.md says what a browser does instead"


def test_the_room_of_colors_is_exact() -> None:
    largest = 2 * ((1 << 24) - 1) ** 2
    assert largest < EXACT
    assert [int(room_left(np.int64(8), np.int64(spent))) for spent in (0, 1 << 17, largest)] == [5, 0, 0]


def test_trained_counts_are_the_pinned_ones() -> None:
    data = files("lamina.codecs.planar.lattice").joinpath("priors.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == PRIORS_SHA256


def test_stored_tables_are_what_their_formulas_give() -> None:
    stored = json.loads(DOCUMENT.with_name("tables.json").read_text("utf-8"))
    assert [table.tolist() for table in mixing.stored_tables()] == [
        stored["lamina.entropy.mixing"][name] for name in ("squash", "stretch", "rates")
    ]
    own = stored["lamina.anchors.context.layout"]
    assert [table.tolist() for table in layout.scale_tables()] == [own["scales"], own["inverses"]]
    assert layout.step_table().tolist() == own["steps"]


def test_each_bound_is_in_the_document() -> None:
    text = DOCUMENT.read_text("utf-8")
    for name in ("code_mixed_bit", "FixedMlp", "MAX_ESTIMATE", "FARTHEST_CORRECTION", "MAX_PAYLOAD_BYTES", "MAX_DEPTH"):
        assert name in text
