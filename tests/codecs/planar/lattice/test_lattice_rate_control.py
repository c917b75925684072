# SPDX-License-Identifier: Apache-2.0
"""Targets are met in the file as it is written, or refused with what is reachable."""

from dataclasses import replace
from pathlib import Path

import pytest
from lattice_samples import SHORT, crop, fit, still

from lamina.bitstream import write_stream
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.lattice.fit import rate_control
from lamina.codecs.planar.lattice.fit.key_frame import layer_counts
from lamina.codecs.planar.lattice.fit.rate_control import Outcome
from lamina.errors import TargetError

PROMISE = 0.02
PIXELS = 96 * 64
CLOSE = replace(SHORT, steps=120)


def asked(**target: float | int) -> PlanarConfig:
    return PlanarConfig(target=RateTarget(**target), lattice=CLOSE)  # pyright: ignore[reportArgumentType]


def file_bytes(config: PlanarConfig, folder: Path, name: str = "kodim08") -> tuple[int, float]:
    """Size of the file that an encode writes, and the quality that it claims."""
    parts = fit(still(crop(name, 96, 64)), config)
    units = list(CODEC.encode(parts))
    size_bytes = write_stream(folder / "x.lam", CODEC.facts(units[0].payload), units)
    assert size_bytes == (folder / "x.lam").stat().st_size
    return size_bytes, parts[0].quality_db[-1]


@pytest.mark.parametrize("size_bytes", [420, 900])
@pytest.mark.parametrize("name", ["kodim08", "kodim15"])
def test_bytes_are_met_by_the_whole_file(tmp_path: Path, size_bytes: int, name: str) -> None:
    found, _ = file_bytes(asked(size_bytes=size_bytes), tmp_path, name)
    assert abs(found / size_bytes - 1.0) <= PROMISE


def test_bits_per_pixel_are_met_by_the_whole_file(tmp_path: Path) -> None:
    found, _ = file_bytes(asked(bits_per_pixel=0.8), tmp_path)
    assert abs(8 * found / PIXELS / 0.8 - 1.0) <= PROMISE


@pytest.mark.parametrize("name", ["kodim08", "kodim15"])
def test_quality_is_met_by_the_top_level(tmp_path: Path, name: str) -> None:
    config = PlanarConfig(target=RateTarget(psnr_db=30.0), lattice=replace(CLOSE, steps=300, refine_sweeps=20))
    _, found = file_bytes(config, tmp_path, name)
    assert abs(found / 30.0 - 1.0) <= PROMISE


def test_splats_are_what_was_asked_less_invisible_ones() -> None:
    (part,) = fit(still(crop("kodim15", 96, 64)), asked(splats=80))
    counts = [len(state.integers["k"]) for state in part.layers]
    wanted = layer_counts(80, PlanarConfig().layer_shares)
    assert all(found <= most for found, most in zip(counts, wanted, strict=True))
    assert 72 <= sum(counts) <= 80


@pytest.mark.parametrize(("count", "shares"), [(3, (0.15, 0.3, 0.55)), (1000, (1.0, 2.0)), (7, (0.5,) * 5)])
def test_layers_share_the_splats_and_none_is_empty(count: int, shares: tuple[float, ...]) -> None:
    counts = layer_counts(count, shares)
    assert len(counts) == len(shares)
    assert min(counts) >= 1
    assert abs(sum(counts) - count) <= len(shares)


@pytest.mark.parametrize(
    ("target", "match"),
    [({"size_bytes": 20}, "too few"), ({"bits_per_pixel": 0.01}, "too few"), ({"splats": 2}, "each layer")],
)
def test_targets_out_of_reach_are_refused(target: dict[str, float], match: str) -> None:
    with pytest.raises(TargetError, match=match):
        fit(still(crop("kodim08", 96, 64)), asked(**target))


def test_a_quality_that_no_splats_reach_is_refused() -> None:
    pilot = Outcome(100, 0.1, 400, 20.0)
    with pytest.raises(TargetError, match="Ask for less quality"):
        rate_control.full_plan(asked(psnr_db=90.0), pilot, PIXELS)


def test_corrections_go_the_right_way() -> None:
    config = asked(size_bytes=1000)
    large, small = Outcome(100, 0.1, 1300, 30.0), Outcome(100, 0.1, 800, 30.0)
    assert rate_control.miss(config, large, PIXELS) > 0 > rate_control.miss(config, small, PIXELS)
    assert (
        rate_control.corrected_step(config, [large], PIXELS)
        > 0.1
        > rate_control.corrected_step(config, [small], PIXELS)
    )
    good = asked(psnr_db=28.0)
    assert rate_control.corrected_step(good, [large], PIXELS) > 0.1
