# SPDX-License-Identifier: Apache-2.0
"""Stills through fit, units and decoder: what is decoded is what the encoder claims, at every level and size."""

import numpy as np
import pytest
from lattice_samples import assert_on_lattice, assert_same, crop, fit, payloads, rendered, short, still

from lamina.codec import Size
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.coding import decode_states
from lamina.codecs.planar.config import RateTarget, with_layers
from lamina.codecs.planar.fit.signal import at_size
from lamina.codecs.planar.lattice.coding import splats_of
from lamina.errors import SignalError
from lamina.metrics import finite_db, psnr

TOLERANCE_DB = 0.02
"""Encoder and decoder render with different kernels: a pixel in a thousand rounds to its neighbor."""


def gray(width: int, height: int) -> np.ndarray:
    """A picture without color."""
    luma = crop("kodim15", width, height).mean(axis=2).astype(np.uint8)
    return np.repeat(luma[:, :, None], 3, axis=2)


CASES = {
    "quality": (crop(), short()),
    "resolution": (crop(), short(scalability="resolution")),
    "odd sides": (crop("kodim15", 37, 29), short(30)),
    "odd sides, resolution": (crop("kodim15", 37, 29), short(30, scalability="resolution")),
    "one pixel": (crop(width=1, height=1), short(3)),
    "one row": (crop(width=50, height=1), short(12)),
    "one column, resolution": (crop(width=1, height=40), short(12, scalability="resolution")),
    "gray": (gray(48, 32), short(30)),
    "black": (np.zeros((20, 20, 3), np.uint8), short(6)),
    "one layer": (crop("kodim15", 40, 40), with_layers(short(20), 1)),
    "five layers": (crop("kodim15", 40, 40), with_layers(short(40), 5)),
}


@pytest.mark.parametrize("case", CASES)
def test_decoded_levels_are_as_good_as_the_encoder_claims(case: str) -> None:
    pixels, config = CASES[case]
    (part,) = fit(still(pixels), config)
    units = list(CODEC.encode([part]))
    assert [unit.quality_db for unit in units[1:]] == [finite_db(quality) for quality in part.quality_db]
    models = list(CODEC.decode(units))
    assert [model.level for model in models] == list(range(config.layer_count))
    for model, claimed in zip(models, part.quality_db, strict=True):
        wanted = at_size(pixels.astype(np.float32) / 255.0, (model.level_width, model.level_height))
        found = psnr(np.rint(255.0 * np.clip(wanted, 0, 1)).astype(np.uint8), rendered(model))
        assert found == pytest.approx(claimed, abs=TOLERANCE_DB)


@pytest.mark.parametrize("case", CASES)
def test_decoding_gives_the_states_of_the_encoder(case: str) -> None:
    pixels, config = CASES[case]
    (part,) = fit(still(pixels), config)
    *_, (header, _, states) = decode_states(CODEC.encode([part]))
    assert header == part.header
    for decoded, made in zip(states, part.layers, strict=True):
        assert_same(decoded, made)
        assert_on_lattice(splats_of(decoded), header.width, header.height)
        assert np.all(np.any(splats_of(decoded).color != 0, axis=1))


@pytest.mark.parametrize("name", ["kodim08", "kodim15"])
def test_every_level_is_better_than_the_one_below(name: str) -> None:
    (part,) = fit(still(crop(name)), short(60))
    assert list(part.quality_db) == sorted(part.quality_db)
    assert part.quality_db[2] > part.quality_db[0] + 2.0


def test_a_fit_is_the_same_for_the_same_seed() -> None:
    pictures = [payloads(CODEC.encode(fit(still(crop()), short(30, seed=seed)))) for seed in (7, 7, 8)]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


def test_models_render_at_any_size() -> None:
    units = list(CODEC.encode(fit(still(crop()), short(60))))
    model = list(CODEC.decode(units))[-1]
    large = CODEC.render(model, Size(256, 192)).numpy()
    assert large.shape == (192, 256, 3)
    shrunk = at_size(np.ascontiguousarray(large), (64, 48))
    assert np.abs(shrunk - CODEC.render(model).numpy()).mean() < 0.02


def test_lower_levels_of_resolution_scalability_are_smaller() -> None:
    (part,) = fit(still(crop()), short(scalability="resolution"))
    sizes = [(model.level_width, model.level_height) for model in CODEC.decode(CODEC.encode([part]))]
    assert sizes == sorted(sizes)
    assert sizes[0] == (round(64 * 0.15**0.5), round(48 * 0.15**0.5))
    assert sizes[-1] == (64, 48)


def test_more_splats_make_a_better_picture() -> None:
    found = [fit(still(crop()), short(count))[0].quality_db[-1] for count in (15, 60)]
    assert found[1] > found[0] + 1.0


def test_a_still_rejects_a_source_without_pixels() -> None:
    empty = still(crop())
    with pytest.raises(SignalError, match="no pixels"):
        fit(type(empty)(64, 48, None, 0, lambda start: iter([])), short())


def test_targets_reject_two_wishes_and_nonsense() -> None:
    with pytest.raises(ValueError, match="one target at a time"):
        RateTarget(size_bytes=100, psnr_db=30.0)
    with pytest.raises(ValueError, match="positive"):
        RateTarget(bits_per_pixel=-1.0)
