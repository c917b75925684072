# SPDX-License-Identifier: Apache-2.0
"""Headers, facts and digests: what every planar stream says about itself, whichever method wrote its units."""

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lamina.bitstream.integers import canonical_integers
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.coding import decode_states, fingerprint
from lamina.codecs.planar.lattice.syntax import LatticeLayer
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import LevelSize, MethodId, PlanarHeader, ScalabilityId
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, Unit, UnitKey

STILL = PlanarHeader.of(MethodId.LATTICE, ScalabilityId.QUALITY, 3, (1, 20, 255), (300, 200))
CLIP = replace(STILL, is_video=True, rate_numerator=30_000, rate_denominator=1001)
SMALL = replace(
    STILL,
    scalability=ScalabilityId.RESOLUTION,
    level_sizes=(LevelSize(100, 70), LevelSize(200, 140)),
    method=MethodId.PGSVC,
)


PINNED = Path(__file__).parents[2] / "conformance" / "planar"


@pytest.mark.parametrize(("name", "out"), [("still_odd_size", "out.png"), ("clip", "out.y4m")])
def test_decoding_needs_no_torch(name: str, out: str, tmp_path: Path) -> None:
    words = ["decode", str(PINNED / f"{name}.lam"), str(tmp_path / out), "--quiet"]
    code = f"import sys; from lamina.cli import main; assert main({words}) == 0; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


def test_torch_has_the_threads_that_it_was_told_though_kernels_ran_before_it_was_imported() -> None:
    code = """
from lamina.render.kernels.threads import share_threads
import lamina, numba, sys
lamina.open(sys.argv[1]).decode()
before = share_threads()
assert "torch" not in sys.modules
import torch
print(before, share_threads(), torch.get_num_threads(), numba.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-c", code, str(PINNED / "still_odd_size.lam")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "1", "1"]


@pytest.mark.parametrize("header", [STILL, CLIP, SMALL])
def test_headers_come_back(header: PlanarHeader) -> None:
    packed = header.pack()
    assert PlanarHeader.unpack(packed) == (header, len(packed))
    assert len(packed) <= 20


def test_headers_say_what_they_hold() -> None:
    assert STILL.levels == 3
    assert STILL.frames_per_second is None
    assert CLIP.frames_per_second == Fraction(30_000, 1001)
    assert [SMALL.level_size(level) for level in range(3)] == [(100, 70), (200, 140), (300, 200)]
    facts = CODEC.inspect(SMALL.pack())
    assert (facts.kind, facts.width, facts.height, facts.level_count) == ("image", 300, 200, 3)
    assert facts.details["level sizes"] == "100x70, 200x140, 300x200"
    assert facts.details["background"] == "#0114ff"
    assert CODEC.inspect(CLIP.pack()).frames_per_second == pytest.approx(29.97, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"width": 0}, "pixels"),
        ({"level_sizes": (LevelSize(1, 1),)}, "level sizes"),
        ({"scalability": ScalabilityId.RESOLUTION}, "level sizes"),
        ({"is_video": True, "rate_numerator": 0, "rate_denominator": 1}, "frame rate"),
    ],
)
def test_headers_reject_what_contradicts_itself(change: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        replace(STILL, **change).pack()  # pyright: ignore[reportArgumentType]


def test_headers_reject_levels_larger_than_the_picture() -> None:
    with pytest.raises(ValueError, match="a level of 400x70"):
        replace(SMALL, level_sizes=(LevelSize(400, 70), LevelSize(200, 140))).pack()


def test_a_stream_without_splats_is_its_background() -> None:
    header = Unit(STREAM_HEADER, replace(STILL, layer_count=0, width=20, height=10).pack())
    empty = Unit(UnitKey(0, 0, 0), LatticeLayer(False, 0, False, 0, 9000, 0).pack())
    (model,) = CODEC.decode([header, empty])
    pixels = CODEC.render(model)
    assert pixels.shape == (10, 20, 3)
    assert torch.equal(pixels, model.background.expand(10, 20, 3))
    assert dict(CODEC.breakdown(header.payload, header)) == {"headers": len(header.payload)}


def test_errors_name_the_unit_that_is_damaged() -> None:
    header = Unit(STREAM_HEADER, STILL.pack())
    damaged = Unit(UnitKey(0, 0, 7), b"\x00")
    with pytest.raises(BitstreamError, match="group 0, frame 7, layer 0") as found:
        list(decode_states([header, damaged]))
    assert found.value.unit == "group 0, frame 7, layer 0"


def test_digests_depend_on_values_types_and_names_alone() -> None:
    state = LayerState({"b": np.array([1, -2], np.int32), "a": np.array([[3]], np.uint8)}, context="not part of it")
    same = LayerState({"a": np.array([[3]], np.uint8), "b": np.array([1, -2], ">i4")})
    assert (
        canonical_integers(state.integers)
        == canonical_integers(same.integers)
        == b"a |u1 (1, 1)\n\x03b <i4 (2,)\n\x01\0\0\0\xfe\xff\xff\xff"
    )
    assert len(fingerprint(state)) == 64
    assert fingerprint(state) != fingerprint(LayerState({"b": np.array([1, -2], np.int32)}))
    assert fingerprint(state) != fingerprint(LayerState({**same.integers, "a": np.array([[3]], np.int8)}))
