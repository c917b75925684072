# SPDX-License-Identifier: Apache-2.0
"""The paper's head: a first head and examples enter; a network and Gaussians that it moves leave, as they are sent.

Components are those of what was tracked, from the first step on: the network is told of them. After 70 % of the steps
weights are pruned and values rounded as they are sent; latents are rounded from the start (EAGLES).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from lamina.codecs.head.columns import FIXED
from lamina.codecs.head.config import HeadConfig, NetworkConfig
from lamina.codecs.head.fit.components import Components, components_of, torso_components_of
from lamina.codecs.head.fit.examples import EXPRESSION, Examples
from lamina.codecs.head.fit.grid import Grid, gaussian_steps
from lamina.codecs.head.fit.learning import (
    COMPONENT_RATE,
    FINAL_RATE,
    FULL_SIZE_FROM,
    LARGER_RATE,
    MIDDLE_RATE,
    RATES,
    SETTLE_FROM,
    Course,
    Learnt,
    Rows,
    component_rates,
    row_rates,
)
from lamina.codecs.head.fit.networked_quantizing import as_sent, network_state, rounded, rounded_latents
from lamina.codecs.head.fit.saving import Saver
from lamina.codecs.head.fit.start import FIRST_OPACITY, NODES, FirstHead
from lamina.codecs.head.networked.decoded import decoded_latents, encoded_mean_head
from lamina.codecs.head.networked.look import NetworkLook
from lamina.codecs.head.networked.syntax import OUTPUTS
from lamina.codecs.head.networked.values import LATENTS, OUTPUT_COLUMNS
from lamina.codecs.head.person import pack_person, template_of, unpack_person
from lamina.codecs.head.rig import THICKNESS, Look, rig_of
from lamina.networks.mlp import Mlp, init_mlp

NETWORK_RATE = 1e-3
"""Of Adam, for weights and biases."""
MESH_RATES = {"mesh_colors": 0.006, "mesh_sizes": 0.01}
LOOSE_RATES = {"loose_rest": 0.0003, "loose_rotation": 0.01, "loose_opacity": 0.02}
LATENT_RATES = {"latent_rest": 0.05, "latent_rotation": 0.2, "latent_opacity": 0.1}
"""In integers of latents, whose worth is below."""
DECODER_RATE = 1e-3
LATENT_WORTH = {"rest": 0.02, "rotation": 0.05, "opacity": 0.2}
"""What 1 of a latent changes at the start."""
LAST_GAIN = 0.05
"""Of the network's last layer at the start: it hardly moves anything."""


@dataclass(frozen=True, eq=False)
class LookMaker:
    """Tensors under learning enter; what is shown leaves, rounded where it is time."""

    config: NetworkConfig
    encoded: Float[Tensor, "n p"]

    def __call__(self, tensors: dict[str, Tensor], grid: Grid | None) -> Look:
        """What a decoder would have; without a grid, but for latents, reals."""
        free = Look.of(tensors)
        colors, sizes = tensors["mesh_colors"], tensors["mesh_sizes"]
        if grid is not None:
            free = grid.rounded(free)
            if self.config.is_quantized:
                colors, sizes = rounded(colors, self.config.color_step), rounded(sizes, self.config.size_step)
        loose = self._loose(tensors, grid)
        network = NetworkLook(
            colors, sizes, loose[:, :45], loose[:, 45:49], loose[:, 49], self.encoded, self._network(tensors, grid)
        )
        return replace(free, network=network)

    def _loose(self, tensors: dict[str, Tensor], grid: Grid | None) -> Float[Tensor, "n 50"]:
        if not self.config.has_latents:
            return torch.cat([tensors[f"loose_{name}"] for name in LATENTS], dim=1)
        latents = torch.cat([rounded_latents(tensors[f"latent_{name}"]) for name in LATENTS], dim=1)
        layers = [(tensors[f"decoder_{name}_weight"], tensors[f"decoder_{name}_bias"]) for name in LATENTS]
        if grid is not None:
            layers = [(as_sent(self.config, weight), as_sent(self.config, bias)) for weight, bias in layers]
        return decoded_latents(latents, layers)

    def _network(self, tensors: dict[str, Tensor], grid: Grid | None) -> Mlp:
        layers = range(self.config.hidden_layers + 1)
        weights = [tensors[f"weight{layer}"] * tensors[f"mask{layer}"] for layer in layers]
        biases = [tensors[f"bias{layer}"] for layer in layers]
        if grid is not None:
            weights, biases = (
                [as_sent(self.config, one) for one in weights],
                [as_sent(self.config, one) for one in biases],
            )
        return Mlp(tuple(weights), tuple(biases))


def learn_network(
    first: FirstHead,
    examples: Examples,
    behind: Float32[np.ndarray, "h w 3"],
    config: HeadConfig,
    report: Callable[[float, float], None],
    saver: Saver,
) -> Learnt:
    """Learn it; as `learning.learn` does, in all else."""
    if config.network is None:
        raise ValueError("network is None")
    total, side, full = config.learning.steps, config.learning.side_px, max(examples.frames.shape[1:3])
    settled, larger = round(SETTLE_FROM * total), round(FULL_SIZE_FROM * total)
    components = components_of(examples.rows[:, EXPRESSION:], config.motion.dimensions)
    rows = np.concatenate([examples.rows[:, :EXPRESSION], components.project(examples.rows[:, EXPRESSION:])], axis=1)
    template = template_of(unpack_person(pack_person(examples.person)))
    rig = rig_of(template, len(first.rig), *components.reals, first.rig.rest)
    encoded = encoded_mean_head(len(rig), config.network.octaves)
    tensors, rates = first_tensors(first, config)
    frame_rates = torch.from_numpy(row_rates(rows.shape[1]))
    frame_rates[EXPRESSION:] = COMPONENT_RATE
    course = Course(
        examples, behind, config, rig, tensors, torch.empty(0, 3), Rows.of(rows), frame_rates, NODES, report,
        np.random.default_rng(config.seed), saver=saver, rates=rates, maker=LookMaker(config.network, encoded),
    )  # fmt: skip
    if saver.turning is None:
        saver.restore(course)
        course.run(range(larger), side, (1.0, MIDDLE_RATE if full > side else LARGER_RATE))
        course.run(range(larger, settled), full, (LARGER_RATE, MIDDLE_RATE))
        prune(tensors, config.network)
    turning = course.rows.values.numpy().copy() if saver.turning is None else saver.turning
    ended, learnt = _settling(course, turning, components)
    if saver.turning is not None:
        saver.restore(ended)
    ended.run(range(settled, total), full, (MIDDLE_RATE, FINAL_RATE))
    return learnt()


def _settling(
    course: Course, turning: Float32[np.ndarray, "t c"], components: Components
) -> tuple[Course, Callable[[], Learnt]]:
    """The same head, the torso moved by components, values rounded as they are sent; and what has been learnt."""
    config, saver = course.config, course.saver
    torso = torso_components_of(turning[:, FIXED:EXPRESSION], config.motion.torso_components)
    bent = torso.project(turning[:, FIXED:EXPRESSION])
    rows = np.concatenate([turning[:, :FIXED], bent, turning[:, EXPRESSION:]], axis=1)
    median = float(np.float32(course.look["log_sizes"].detach().median().item()))
    grid = Grid(gaussian_steps(config), median if saver.base_size is None else saver.base_size)
    ended = Course(
        course.examples, course.behind, config, course.rig, course.look, course.began, Rows.of(rows),
        torch.from_numpy(component_rates(rows.shape[1], len(torso.scales))),
        torch.from_numpy(torso.reals.astype(np.float32)), course.report, course.chance, grid, course.quality_db,
        course.order, saver, turning, course.rates, course.maker,
    )  # fmt: skip

    def learnt() -> Learnt:
        free = Look.of({name: course.look[name].detach() for name in RATES})
        state = network_state(config.network, course.look) if config.network is not None else None
        return Learnt(
            ended.rig, free, ended.rows.values.numpy(), components, torso, grid.base_size, ended.quality_db, state
        )

    return ended, learnt


def first_tensors(first: FirstHead, config: HeadConfig) -> tuple[dict[str, Tensor], dict[str, float]]:
    """What is learnt, by name, and the rate of each; masks of weights are learnt by nobody."""
    own, count, look = config.network or NetworkConfig(), len(first.rig), first.look
    tensors = {name: getattr(look, name)[count if name != "skins" else 0 :].clone() for name in RATES}
    sizes = look.log_sizes[:count]
    tensors["mesh_colors"] = look.colors[:count].clone()
    tensors["mesh_sizes"] = torch.cat([sizes, sizes.amin(dim=1, keepdim=True) + math.log(THICKNESS)], dim=1)
    rates = {**RATES, **MESH_RATES}
    start = {"rest": torch.zeros(45), "rotation": torch.eye(4)[0], "opacity": torch.full((1,), FIRST_OPACITY)}
    chance = torch.Generator().manual_seed(config.seed)
    for name, inputs in LATENTS.items():
        outputs = OUTPUT_COLUMNS[name]
        if not own.has_latents:
            tensors[f"loose_{name}"] = start[name].expand(count, -1).clone()
            rates[f"loose_{name}"] = LOOSE_RATES[f"loose_{name}"]
            continue
        tensors[f"latent_{name}"] = torch.zeros(count, inputs)
        worth = torch.eye(outputs) if inputs == outputs else torch.randn(outputs, inputs, generator=chance)
        tensors[f"decoder_{name}_weight"] = LATENT_WORTH[name] * worth
        tensors[f"decoder_{name}_bias"] = start[name].clone()
        rates[f"latent_{name}"] = LATENT_RATES[f"latent_{name}"]
        rates |= {f"decoder_{name}_{part}": DECODER_RATE for part in ("weight", "bias")}
    sizes_of_layers = (3 * (1 + 2 * own.octaves) + config.motion.dimensions, *[own.width] * own.hidden_layers, OUTPUTS)
    network = init_mlp(sizes_of_layers, chance, last_gain=LAST_GAIN)
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors |= {f"weight{layer}": weight.detach(), f"bias{layer}": bias.detach()}
        rates |= {f"weight{layer}": NETWORK_RATE, f"bias{layer}": NETWORK_RATE}
    for name in rates:
        tensors[name].requires_grad_()
    for layer, weight in enumerate(network.weights):
        tensors[f"mask{layer}"] = torch.ones_like(weight.detach())
    return tensors, rates


def prune(tensors: dict[str, Tensor], config: NetworkConfig) -> None:
    """Masks 0 where weights are smallest, over all layers but the last, which is small."""
    magnitudes = torch.cat([tensors[f"weight{layer}"].detach().abs().ravel() for layer in range(config.hidden_layers)])
    count = int(config.pruned_share * len(magnitudes))
    if not count:
        return
    least = magnitudes.kthvalue(count).values
    for layer in range(config.hidden_layers):
        tensors[f"mask{layer}"].copy_((tensors[f"weight{layer}"].detach().abs() > least).float())
