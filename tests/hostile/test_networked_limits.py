# SPDX-License-Identifier: Apache-2.0
"""What frames of networks may claim: anchors, numbers at the edge of floats, facts; more is refused at once."""

import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.anchors.layers import AnchorLayer
from lamina.anchors.octree import indices_of
from lamina.anchors.syntax import MAX_ANCHORS, MAX_VALUES
from lamina.codecs.freeview.coding import decode
from lamina.codecs.freeview.model import render
from lamina.codecs.freeview.networked.frames import Ground
from lamina.codecs.freeview.networked.networks import layer_sizes
from lamina.codecs.freeview.networked.syntax import MAX_PARAMETER, NetworkedFacts, Representation
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.errors import BitstreamError

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "freeview"))
from freeview_samples import camera
from networked_damage import (
    KINDS,
    decoded,
    ground,
    head_of,
    play,
    with_payload,
)
from networked_samples import Act, first_of, ground_of

SLOWEST_S = 1.0
MEMORY_BYTES = 200_000_000


def crowd(count: int, **fields: Any) -> Ground:
    """As many anchors as a layer may have, in neighboring cells of an octree of depth 7."""
    first = first_of(Act(points=8))
    facts, one = first.facts.anchors, first.layers[0]
    repeated = {name: np.repeat(getattr(one, name)[:1], count, axis=0) for name in ("masks", "values", "symbols")}
    repeated["masks"][:] = 1
    layer = AnchorLayer(
        indices_of(np.arange(count, dtype=np.uint64)), np.zeros(count, np.uint8), repeated["masks"],
        repeated["symbols"], repeated["values"],
    )  # fmt: skip
    assert first.facts.networks is not None
    networks = replace(first.facts.networks, **fields)
    rest_facts = replace(first.facts, anchors=replace(facts, base_depth=7), networks=networks)
    rest = replace(ground_of(first).rest, facts=rest_facts, layers=(layer,))
    return Ground(networks, rest)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"channels": 63, "neighbors": 1}, "values"),
        ({"channels": 1, "neighbors": 1, "hidden": 1023}, "values"),
        ({"channels": 2, "neighbors": 15, "grid_sizes": (1, 2, 3)}, "neighbors"),
    ],
)
def test_more_anchors_than_memory_or_time_are_refused_at_once(fields: dict[str, Any], said: str) -> None:
    crowded = crowd(MAX_ANCHORS, **fields)
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BitstreamError, match=said):
        _ = crowded.scales
    taken, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES
    assert len(crowd(1_000, **fields).scales) == len(crowded.facts.grid_sizes) + 1


def test_many_anchors_find_their_neighbors_soon() -> None:
    crowded = crowd(1 << 16, channels=3, neighbors=15)
    began = time.process_time()
    assert crowded.scales[0].count == 1 << 16
    # All pairs would be four thousand million distances.
    assert time.process_time() - began < 10 * SLOWEST_S


@pytest.mark.parametrize("gains", [(9e19,) * 4, (1e-30,) * 4, (0.0,) * 4])
@pytest.mark.parametrize("kind", ["points", "floats"])
def test_gains_at_the_edge_of_floats_decode_and_render(kind: str, gains: tuple[float, ...]) -> None:
    header = play(kind)[0].payload
    facts, end = FreeviewFacts.unpack(header)
    assert facts.networks is not None
    far = replace(facts, networks=replace(facts.networks, gains=tuple(float(np.float32(gain)) for gain in gains)))
    units = with_payload(kind, 0, far.pack() + header[end:])
    assert decoded(units) == KINDS[kind].frames
    for model in decode(units):
        assert render(model, camera()).isfinite().all()


@pytest.mark.parametrize("largest", [1.0, 1e3, MAX_PARAMETER])
def test_parameters_at_their_limit_frame_after_frame_decode_and_render(largest: float) -> None:
    units, count = list(play("points")), len(layer_sizes(ground("points").sizes))
    for number in range(3, len(units)):
        head, stream = head_of("points", number)
        ranges = tuple(float(np.float32(bound)) for _ in range(count) for bound in (-largest, largest))
        factors = None if head.factors is None else (float(np.float32(largest)),) * count
        units[number] = replace(units[number], payload=replace(head, ranges=ranges, factors=factors).pack() + stream)
    assert decoded(tuple(units)) == KINDS["points"].frames
    for model in decode(units):
        assert render(model, camera()).isfinite().all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"grid_sizes": (5, 5)}, "coarser"),
        ({"grid_sizes": (9, 5)}, "coarser"),
        ({"grid_sizes": (0,)}, "grid_sizes"),
        ({"grid_sizes": (1 << 22,)}, "grid_sizes"),
        ({"grid_sizes": tuple(range(1, 9))}, "grid_sizes"),
        ({"representation": Representation.TRIPLANE}, "no scales"),
        ({"network_bits": 9}, "entropy"),
        ({"network_bits": 1}, "network_bits"),
        ({"network_bits": 17, "has_network_entropy": False}, "at most 16"),
        ({"channels": 0}, "channels"),
        ({"neighbors": 0}, "neighbors"),
        ({"hidden": 0}, "hidden"),
        ({"gains": (float("nan"), 1.0, 1.0, 1.0)}, "gains"),
        ({"gains": (-1.0, 1.0, 1.0, 1.0)}, "gains"),
        ({"gains": (1e21, 1.0, 1.0, 1.0)}, "gains"),
    ],
)
def test_facts_beyond_the_format_are_refused(fields: dict[str, Any], said: str) -> None:
    good = first_of(KINDS["points"]).facts.networks
    assert good is not None
    with pytest.raises(ValueError, match=said):
        replace(good, **fields).pack()


def test_anchors_too_deep_or_in_layers_are_refused() -> None:
    facts = first_of(KINDS["points"]).facts
    for fields, said in (({"base_depth": 20}, "at most 19"), ({"layer_count": 1}, "expected 1")):
        with pytest.raises(ValueError, match=said):
            replace(facts, anchors=replace(facts.anchors, **fields)).pack()
    with pytest.raises(ValueError, match="either with cells or by networks"):
        replace(facts, has_networks=False, networks=None).pack()


def test_what_is_legal_is_what_the_configuration_allows() -> None:
    facts = NetworkedFacts(Representation.POINTS, True, True, 8, 16, 4, 32, (5, 9), (1.0,) * 4)
    assert MAX_VALUES // facts.widest == MAX_ANCHORS
