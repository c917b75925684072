# SPDX-License-Identifier: Apache-2.0
"""Heads of the paper's method, made up: random networks, latents and indices on the mean head, unfitted."""

from dataclasses import replace

import numpy as np
from head_samples import facts_of, head_part, run_part

from lamina.codecs.head.model import HeadPart, RunPart
from lamina.codecs.head.networked.indices import within
from lamina.codecs.head.networked.syntax import NetworkFacts
from lamina.codecs.head.networked.values import (
    LATENT_COLUMNS,
    LOOSE,
    Matrices,
    NetworkState,
    count_of,
    decoder_shapes,
)
from lamina.codecs.head.person import pack_person
from lamina.codecs.head.syntax import HeadFacts
from lamina.data.faces.identity import Person, landmark_model


def network_facts_of(facts: HeadFacts, seed: int = 1, **changes: object) -> NetworkFacts:
    """Small, with every field at work."""
    chance = np.random.default_rng(seed)
    plain = NetworkFacts(
        hidden_layers=2,
        octaves=2,
        has_latents=True,
        is_quantized=True,
        parameter_bits=8,
        width=5,
        color_step=float(np.float32(1 / 64)),
        size_step=float(np.float32(0.05)),
        steps=tuple(float(np.float32(step)) for step in chance.uniform(0.001, 0.004, facts.columns)),
        zeros=tuple(int(zero) for zero in chance.integers(60, 200, facts.columns)),
    )
    return replace(plain, **changes)  # pyright: ignore[reportArgumentType]


def state_of(facts: NetworkFacts, count: int, dimensions: int, seed: int = 2, deflated: bool = True) -> NetworkState:
    """Arrays by chance; floats as they are sent."""
    chance = np.random.default_rng(seed)
    kind = np.float16 if facts.is_quantized else np.float32

    def floats(*shape: int, scale: float = 0.2) -> np.ndarray:
        return chance.normal(0, scale, shape).astype(kind).astype(np.float32)

    sizes = facts.layer_sizes(dimensions)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    network = Matrices.of(floats(count_of(shapes)), shapes)
    precise = np.concatenate([chance.uniform(0, 1, (count, 3)), chance.uniform(-2, -0.5, (count, 3))], axis=1)
    precise = precise.astype(np.float32)
    if facts.is_quantized:
        steps = np.repeat([facts.color_step, facts.size_step], 3)
        precise = np.rint(precise / steps).astype(np.int32)
    if not facts.has_latents:
        loose = chance.normal(0, 0.05, (count, LOOSE)).astype(np.float32)
        loose[:, 45:46] += 1
        return NetworkState(precise, None, None, loose, network, deflated)
    latents = chance.integers(-127, 128, (count, LATENT_COLUMNS)).astype(np.int8)
    decoders = Matrices.of(floats(count_of(decoder_shapes()), scale=0.01), decoder_shapes())
    return NetworkState(precise, latents, decoders, None, network, deflated)


def somebody(seed: int = 3) -> bytes:
    """A person, as bytes."""
    chance, model = np.random.default_rng(seed), landmark_model()
    return pack_person(
        Person(chance.normal(0, 0.5, len(model.identity)), chance.normal(0, 0.1, (len(model.neutral), 3)))
    )


def networked_parts(*frames: int, deflated: bool = True, gaussians: int = 40, **changes: object) -> list:
    """A head that a network moves, and runs of so many frames."""
    plain = facts_of(1, 2, 5, gaussians)
    network = network_facts_of(plain, **changes)
    facts = replace(plain, has_network=True, network=network)
    beside = head_part(facts).layers[0]
    gaussians_beside = replace(beside.gaussians, mesh=beside.gaussians.mesh[:0])
    state = state_of(network, gaussians, facts.dimensions, deflated=deflated)
    layer = replace(beside, gaussians=gaussians_beside, tracker=somebody(), network=state)
    starts = np.cumsum([0, *frames])
    runs: list[HeadPart | RunPart] = [HeadPart(facts, (layer,))]
    for group, count in enumerate(frames):
        run = run_part(facts, group, int(starts[group]), count)
        runs.append(replace(run, values=within(network, 6 * run.values.astype(np.int64))))
    return runs
