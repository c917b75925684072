# SPDX-License-Identifier: Apache-2.0
"""The plain decoder that was written from docs/walks.md reads the pinned streams, and finds the same integers."""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1]
sys.path += [str(FOLDER / "entropy"), str(FOLDER / "networks")]
import anchor_reference  # noqa: E402
import attribute_reference  # noqa: E402
import section_reference  # noqa: E402
import walk_reference  # noqa: E402
from reference_decoder import Decoder  # noqa: E402

from lamina.anchors.syntax import AnchorNetworks, LayerHead  # noqa: E402
from lamina.bitstream import read_stream  # noqa: E402
from lamina.codecs.planar import coding as planar_coding  # noqa: E402
from lamina.codecs.planar.lattice.syntax import LatticeLayer, LatticeUpdate, is_predicted  # noqa: E402
from lamina.codecs.planar.pgsvc.syntax import PgsvcLayerHeader  # noqa: E402
from lamina.codecs.scene import coding as scene_coding  # noqa: E402
from lamina.codecs.scene.syntax import SceneFacts  # noqa: E402
from lamina.networks.syntax import HashGridHead  # noqa: E402

PRIORS = json.loads(files("lamina.codecs.planar.lattice").joinpath("priors.json").read_text("utf-8"))["counts"]
NAMES = ("k", "m", "rho", "phi", "x", "y")


def units_of(codec: str, name: str) -> list[Any]:
    with read_stream(FOLDER / codec / f"{name}.lam") as stream:
        return list(stream.units())


def names_of(codec: str, prefix: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / codec).glob("*.lam") if path.stem.startswith(prefix))


def lattice_layer(header: Any, unit: Any, layers: dict[tuple[int, int], walk_reference.Layer]) -> walk_reference.Layer:
    size, (_, layer, frame) = (header.width, header.height), unit.key
    if not is_predicted(unit.payload):
        head, end = LatticeLayer.unpack(unit.payload)
        role = 2 if layer == header.levels - 1 else 0 if layer == 0 else 1
        return walk_reference.key_layer(unit.payload[end:], size, role, head.count, PRIORS)
    head, end = LatticeUpdate.unpack(unit.payload)
    facts = {"has_motion": head.has_motion, "has_updates": head.has_updates, "added": head.added or 0}
    base = layers[frame, 0] if layer else None
    return walk_reference.updated_layer(unit.payload[end:], size, facts, layers[frame - 1, layer], base)


@pytest.mark.parametrize("name", [*names_of("planar", "still"), "clip"])
def test_lattice_layers(name: str) -> None:
    units = units_of("planar", name)
    layers: dict[tuple[int, int], walk_reference.Layer] = {}
    for unit, (header, key, states) in zip(units[1:], planar_coding.decode_states(units), strict=True):
        found = layers[key.frame, key.layer] = lattice_layer(header, unit, layers)
        integers = states[-1].integers
        expected = np.concatenate([np.stack([integers[n] for n in NAMES], axis=1), integers["color"]], axis=1)
        assert found.rows == expected.tolist()


@pytest.mark.parametrize("name", names_of("planar", "paper"))
def test_sections(name: str) -> None:
    units, keys = units_of("planar", name), {}
    for unit, (_, key, states) in zip(units[1:], planar_coding.decode_states(units), strict=True):
        head, end = PgsvcLayerHeader.unpack(unit.payload)
        if head.is_key:
            keys[key.layer] = head
        own, first = head, keys[key.layer]
        new, rest = head.new_count, head.splat_count - head.new_count
        stages = head.codebook_stages + 1
        shapes = ((new, 3, first.cholesky_bits + 1), (rest, 3, own.cholesky_bits + 1))
        colors = ((new, stages, first.codebook_bits + 1), (rest, stages, own.codebook_bits + 1))
        readers = [
            (((new, 2, 16), (rest, 2, 12)), section_reference.positions(new, rest, head.exponent_bits)),
            (shapes, section_reference.symbols(shapes)),
            (colors, section_reference.symbols(colors)),
            (((head.splat_count, 1, 1),), section_reference.flags(head.splat_count)),
        ]
        lengths = (head.position_bytes, head.shape_bytes, head.color_bytes, head.slot_bytes)
        parts = []
        for index, (length, (arrays, read)) in enumerate(zip(lengths, readers, strict=True)):
            if index < 3 or not head.is_key:
                is_coded = bool(head.are_coded >> (3 - index) & 1)
                parts.append(section_reference.section(unit.payload[end : end + length], is_coded, arrays, read))
            end += length
        compare_sections(parts, states[-1].integers, layer=key.layer, heads=(first, own))


def compare_sections(parts: list[Any], integers: Any, *, layer: int, heads: tuple[Any, Any]) -> None:
    (places, moves), (shapes, reshaped), (colors, recolored) = parts[:3]
    assert [[section_reference.patterns(v) for v in row] for row in places] == integers["positions"].tolist()
    least = 0 if layer == 0 else -(1 << heads[0].cholesky_bits)
    if len(parts) == 4:
        assert (np.array(moves).reshape(-1, 2) == integers["position_deltas"]).all()
        assert (np.array(reshaped).reshape(-1, 3) - (1 << heads[1].cholesky_bits) == integers["cholesky_deltas"]).all()
        assert np.array(recolored).reshape(integers["color_deltas"].shape).tolist() == integers["color_deltas"].tolist()
        assert [row[0] for row in parts[3][0]] == integers["replaced"].tolist()
    assert (np.array(shapes).reshape(-1, 3) + least == integers["cholesky"]).all()
    assert np.array(colors).reshape(integers["colors"].shape).tolist() == integers["colors"].tolist()


def model_of(payload: bytes) -> attribute_reference.Model:
    """The probability model of a scene's header unit; its heads are read by Lamina."""
    facts, end = SceneFacts.unpack(payload)
    networks = AnchorNetworks.unpack_whole(payload[end:])
    grid = None
    if networks.hash_grid:
        head, end = HashGridHead.unpack(networks.hash_grid)
        names = ("nodes_3d", "nodes_2d", "log2_table_3d", "log2_table_2d", "feature_count")
        grid = {name: getattr(head, name) for name in names}, networks.hash_grid[end:]
    return attribute_reference.Model(facts.anchors, networks, grid)


@pytest.mark.parametrize("name", names_of("scene", ""))
def test_anchor_layers(name: str) -> None:
    units = units_of("scene", name)
    model = model_of(units[0].payload)
    facts, above, goes_on, masks, values = model.facts, None, [], [], []
    compared = 0
    for state in scene_coding.decode_states(units):
        if not state.layers or state.key.group < 0:
            continue
        layer, number = state.layers[-1], len(state.layers) - 1
        head, end = LayerHead.unpack(state.payload)
        decoder = Decoder(state.payload[end:])
        is_last = number == facts.layers - 1
        nodes, onward = anchor_reference.read_tree(decoder, facts.base_depth, above, goes_on, is_last, head.count)
        masks = anchor_reference.read_masks(decoder, nodes, onward, above, masks, facts.offset_count)
        assert [list(cell) for cell in nodes.cells] == layer.indices.tolist()
        assert onward == layer.has_children.tolist()
        assert masks == layer.masks.tolist()
        symbols, values = attribute_reference.read_attributes(
            decoder, model, nodes, onward, masks, above, (values, number)
        )
        assert symbols == layer.symbols.tolist()
        assert values == layer.values.tolist()
        assert decoder.ended()
        above, goes_on = nodes, onward
        compared += head.count
    assert compared > 0


def test_the_plain_decoder_rejects_damage() -> None:
    unit = units_of("planar", "still_quality")[1]
    head, end = LatticeLayer.unpack(unit.payload)
    with pytest.raises(walk_reference.DamageError):
        walk_reference.key_layer(unit.payload[end:-1], (96, 64), 0, head.count, PRIORS)
