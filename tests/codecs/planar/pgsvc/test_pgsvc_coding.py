# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from paper_samples import config, picture

from lamina.codec import Session
from lamina.codecs.planar.fit.signal import as_planar_signal
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.pgsvc.coding import ordered, patterns
from lamina.codecs.planar.pgsvc.fit.fit import fit as fit_pgsvc
from lamina.codecs.planar.pgsvc.packing import PACKING
from lamina.codecs.planar.pgsvc.sections import Column, pack, pack_fixed, symbol_walk, unpack
from lamina.codecs.planar.pgsvc.syntax import PgsvcLayerHeader, breakdown, fixed_length_size_bytes
from lamina.data import clip_from_frames
from lamina.errors import BitstreamError


@pytest.fixture(scope="module")
def parts() -> tuple[FramePart, ...]:
    """A key frame and two predicted ones."""
    clip = clip_from_frames([picture(shift=2 * k) for k in range(3)])
    return tuple(fit_pgsvc(as_planar_signal(clip), config(), Session()))


def payloads(parts: tuple[FramePart, ...]) -> Iterator[tuple[FramePart, int, LayerState | None, bytes]]:
    """Frame, layer, the layer of the frame before, payload."""
    for number, part in enumerate(parts):
        for layer, state in enumerate(part.layers):
            before = None if part.is_key else parts[number - 1].layers[layer]
            yield part, layer, before, PACKING.encode_layer(part.header, state, before, part.layers[:layer])


def test_the_sample_has_predicted_frames_with_and_without_new_splats(parts: tuple[FramePart, ...]) -> None:
    assert [part.is_key for part in parts] == [True, False, False]
    new = [int(state.integers["replaced"].sum()) for part in parts[1:] for state in part.layers]
    assert 0 < sum(new) < 120


def test_decoding_gives_the_integers_and_the_splats_that_were_coded(parts: tuple[FramePart, ...]) -> None:
    decoded: dict[tuple[int, int], LayerState] = {}
    for part, layer, _, payload in payloads(parts):
        before = None if part.is_key else decoded[part.frame - 1, layer]
        below = tuple(decoded[part.frame, lower] for lower in range(layer))
        found = decoded[part.frame, layer] = PACKING.decode_layer(part.header, payload, before, below)
        coded = part.layers[layer]
        assert set(found.integers) == set(coded.integers)
        for name, values in coded.integers.items():
            assert values.dtype == found.integers[name].dtype, name
            np.testing.assert_array_equal(found.integers[name], values, err_msg=name)
        assert torch.equal(found.context.raw, coded.context.raw)


def test_files_are_smaller_than_the_papers_fixed_length(parts: tuple[FramePart, ...]) -> None:
    for _, _, _, payload in payloads(parts):
        assert len(payload) < fixed_length_size_bytes(payload)


def test_fixed_length_size_is_the_papers(parts: tuple[FramePart, ...]) -> None:
    key, predicted = (
        fixed_length_size_bytes(PACKING.encode_layer(part.header, part.layers[0], before, ()))
        for part, before in ((parts[0], None), (parts[1], parts[0].layers[0]))
    )
    tables = 12_288 + 192
    assert key == (20 * 62 + tables + 7) // 8
    assert predicted == (20 * 51 + tables + 7) // 8


def test_breakdown_sums_to_the_payload(parts: tuple[FramePart, ...]) -> None:
    for part, _, _, payload in payloads(parts):
        found = breakdown(part.header, payload)
        assert sum(found.values()) == len(payload)
        assert found["tables"] == 24 + 2 * 64 * 3 * 2


def test_gaussians_of_lower_levels_are_prefixes(parts: tuple[FramePart, ...]) -> None:
    part = parts[1]
    base = PACKING.gaussians(part.header, part.layers[:1])
    top = PACKING.gaussians(part.header, part.layers)
    assert len(base) == 20
    assert len(top) == 60
    assert torch.equal(top.prefix(20).positions, base.positions)


def test_predicted_slots_keep_their_splats(parts: tuple[FramePart, ...]) -> None:
    for before, after in zip(parts[0].layers, parts[1].layers, strict=True):
        stays = after.integers["replaced"] == 0
        now, then = after.context.raw[0], before.context.raw[0]
        kept = torch.from_numpy(stays)
        # A slot that held another splat would be as far away as any two splats are.
        apart = (now[:, None] - then[None, :]).abs().median()
        assert float((now - then).abs()[kept].median()) < 0.6 * float(apart)


@pytest.mark.parametrize("frame", [0, 1])
def test_decode_rejects_every_truncation(parts: tuple[FramePart, ...], frame: int) -> None:
    part = parts[frame]
    before = None if frame == 0 else parts[0].layers[0]
    payload = PACKING.encode_layer(part.header, part.layers[0], before, ())
    for length in [*range(0, 64), *range(64, len(payload), 13)]:
        with pytest.raises(BitstreamError):
            PACKING.decode_layer(part.header, payload[:length], before, ())


@pytest.mark.parametrize("frame", [0, 1])
def test_decode_of_flipped_bits_gives_a_layer_or_rejects(parts: tuple[FramePart, ...], frame: int) -> None:
    part = parts[frame]
    before = None if frame == 0 else parts[0].layers[0]
    payload = PACKING.encode_layer(part.header, part.layers[0], before, ())
    refused = 0
    bits = [*range(8 * 16), *range(8 * 16, 8 * len(payload), 61)]
    for bit in bits:
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            layer = PACKING.decode_layer(part.header, bytes(damaged), before, ())
        except BitstreamError:
            refused += 1
        else:
            assert bool(torch.isfinite(layer.context.raw).all())
    # A flipped bit of a raw field is a legal other value; one in the entropy-coded part breaks the stream's end.
    assert refused > len(bits) // 6


def test_decode_rejects_absurd_counts_before_allocating(parts: tuple[FramePart, ...]) -> None:
    part = parts[0]
    payload = PACKING.encode_layer(part.header, part.layers[0], None, ())
    header, end = PgsvcLayerHeader.unpack(payload)
    absurd = replace(header, splat_count=1_000_000, new_count=1_000_000).pack() + payload[end:]
    with pytest.raises(BitstreamError, match="1000000 positions"):
        PACKING.decode_layer(part.header, absurd, None, ())


def test_decode_rejects_a_predicted_layer_without_the_frame_before(parts: tuple[FramePart, ...]) -> None:
    payload = PACKING.encode_layer(parts[1].header, parts[1].layers[0], parts[0].layers[0], ())
    with pytest.raises(BitstreamError, match="without the frame before"):
        PACKING.decode_layer(parts[1].header, payload, None, ())
    shorter = parts[0].layers[0]
    context = replace(shorter.context, raw=shorter.context.raw[:, :7])
    with pytest.raises(BitstreamError, match="7 splats"):
        PACKING.decode_layer(parts[1].header, payload, replace(shorter, context=context), ())


def test_encode_rejects_a_layer_of_another_method(parts: tuple[FramePart, ...]) -> None:
    with pytest.raises(ValueError, match="DecodedLayer"):
        PACKING.encode_layer(parts[0].header, LayerState({}), None, ())


def test_ordered_patterns_sort_like_their_values() -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    np.testing.assert_array_equal(patterns(ordered(every)), every)
    values = every.view(np.float16).astype(np.float64)
    finite = np.isfinite(values)
    by_value = values[finite][np.argsort(ordered(every)[finite], kind="stable")]
    assert bool((np.diff(by_value) >= 0).all())


@pytest.mark.parametrize("count", [0, 1, 5, 200])
def test_sections_round_trip_in_both_forms(count: int) -> None:
    random = np.random.default_rng(count)
    skewed = np.minimum(random.geometric(0.4, (count, 3)) - 1, 63).astype(np.int64)
    flat = random.integers(0, 32, (7, 3)).astype(np.int64)
    columns = (Column(skewed, 6), Column(flat, 5))
    shapes = ((count, 3, 6), (7, 3, 5))
    data, is_coded = pack(columns, symbol_walk((6, 5)))
    assert len(data) <= len(pack_fixed(columns))
    assert is_coded or count < 200
    found = unpack(data, shapes, symbol_walk((6, 5)) if is_coded else None, "test")
    for column, values in zip(columns, found, strict=True):
        np.testing.assert_array_equal(values, column.values)
    fixed = unpack(pack_fixed(columns), shapes, None, "test")
    np.testing.assert_array_equal(fixed[0], skewed)


def test_unpack_rejects_wrong_lengths_and_padding() -> None:
    with pytest.raises(BitstreamError, match="fixed length"):
        unpack(b"\x00\x00", ((1, 1, 3),), None, "test")
    with pytest.raises(BitstreamError, match="padding"):
        unpack(b"\x01", ((1, 1, 3),), None, "test")
