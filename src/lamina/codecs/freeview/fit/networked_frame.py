# SPDX-License-Identifier: Apache-2.0
"""One frame in the paper's method is found: pictures of a moment and the frame before enter, what a unit says leaves.

A step looks at one view: latents, rounded - aggregation and heads, with quantised parameters - deformation - Gaussians
- picture - photometric loss, plus lambda times the bits of latents and of networks. All starts from nothing but what a
decoder has.

Source: HPC (arXiv 2602.00671), sec. V; where the paper is silent (rates of descent, first values), the prototype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.neural import generate, in_view
from lamina.codecs.freeview.config import NetworkedConfig
from lamina.codecs.freeview.networked.deformation import deformed
from lamina.codecs.freeview.networked.frame_coding import NetworkedChanges
from lamina.codecs.freeview.networked.frames import Ground, NetworkedState
from lamina.codecs.freeview.networked.networks import Networks
from lamina.codecs.freeview.networked.parameters import coded_layer
from lamina.codecs.freeview.networked.syntax import FLOAT_BITS
from lamina.fitting.factorized_prior import FactorizedPrior
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.networks.hash_grid import init_hash_grid, sign_bits
from lamina.networks.mlp import init_mlp
from lamina.quantize.training import add_uniform_noise, round_straight_through
from lamina.render.spatial import render_spatial

SSIM_SHARE = 0.2
"""Of 1 - SSIM in the loss (3DGS)."""

LEAST_SPREAD = 0.1
"""Standard deviation of a layer's integers, at least: one of equal values has none."""

LEAST_STEP = 1e-8
"""Of a layer whose parameters are all alike."""

HEADS = 4


@dataclass(frozen=True, eq=False)
class NetworkedInput:
    """What a frame is found from."""

    ground: Ground
    before: NetworkedState
    shots: Sequence[Shot]
    """What each training camera saw, evened."""
    config: NetworkedConfig
    rate_weight: float
    is_intra: bool
    """Networks come whole."""
    seed: tuple[int, int]
    """Of the stream, and number of the frame."""


def find_networked_frame(frame: NetworkedInput, report: Callable[[float], None]) -> NetworkedChanges:
    """What a unit says of a frame; `report` gets the share that is done and may raise."""
    search = _Search(frame)
    random = np.random.default_rng(frame.seed)
    order: list[int] = []
    iterations = frame.config.iterations
    for iteration in range(iterations):
        if not order:
            order = random.permutation(len(frame.shots)).tolist()
        search.step(iteration, frame.shots[order.pop()])
        report((iteration + 1) / iterations)
    return search.changes()


class _Search:
    """Latents or a grid, networks and a prior under optimisation."""

    def __init__(self, frame: NetworkedInput) -> None:
        self.frame, self.ground = frame, frame.ground
        seed, number = frame.seed
        self.chance = torch.Generator().manual_seed(seed * 1_000_003 + number)
        config, ground = frame.config, frame.ground
        self.latents = [torch.zeros(scale.count, config.channels, requires_grad=True) for scale in ground.scales]
        self.prior = FactorizedPrior.fresh(config.channels, self.chance) if self.latents else None
        self.grid = None if ground.grid is None else init_hash_grid(ground.grid, self.chance)
        self.places = torch.from_numpy(ground.places)
        self.reference = [] if frame.is_intra else [torch.from_numpy(vector) for vector in frame.before.vectors]
        self.layers = self._first_layers()
        self.factors = [torch.ones((), requires_grad=True) for _ in self.reference]
        groups = [
            {"params": self.latents, "lr": config.latent_rate},
            {"params": [*self.layers, *self.factors], "lr": config.network_rate},
            {"params": [] if self.prior is None else list(self.prior.parameters()), "lr": config.prior_rate},
            {"params": [] if self.grid is None else [self.grid.parameters], "lr": config.grid_rate},
        ]
        groups = [group for group in groups if group["params"]]
        self.adam = torch.optim.Adam(groups, eps=1e-12)
        self.rates = [float(group["lr"]) for group in groups]
        self.heads = ground.rest.networks.detached()

    def _first_layers(self) -> list[Float[Tensor, " p"]]:
        """Parameters of an I-frame, heads giving 0; or differences of a P-frame, all 0."""
        if self.reference:
            return [torch.zeros_like(vector).requires_grad_() for vector in self.reference]
        layers: list[Tensor] = []
        count = len(self.ground.sizes)
        for number, sizes in enumerate(self.ground.sizes):
            mlp = init_mlp(sizes, self.chance, last_gain=0.0 if number >= count - HEADS else 1.0)
            for weight, bias in zip(mlp.weights, mlp.biases, strict=True):
                layers.append(torch.cat([weight.detach().reshape(-1), bias.detach()]).requires_grad_())
        return layers

    def step(self, iteration: int, shot: Shot) -> None:
        """Descends on a view."""
        frame, ground = self.frame, self.ground
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * frame.config.final_rate ** (iteration / frame.config.iterations)
        vectors, network_bits = self._parameters()
        networks = Networks.of(ground.sizes, vectors)
        if self.grid is None:
            embedding = networks.aggregated([round_straight_through(own) for own in self.latents], ground.scales)
        else:
            embedding = self.grid(self.places)
        loss = photometric(self._picture(networks, embedding, shot), shot.target, SSIM_SHARE)
        pixels = shot.camera.width * shot.camera.height
        (loss + frame.rate_weight * self._price(network_bits, pixels)).backward()
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def _picture(self, networks: Networks, embedding: Float[Tensor, "n e"], shot: Shot) -> Float[Tensor, "h w 3"]:
        """What a camera sees of the frame; of anchors that it may see, nothing else is worked out."""
        ground, before = self.ground, self.frame.before.anchors
        near, facts = ground.rest.facts.near, ground.rest.facts
        visible = in_view(before, shot.camera, near)[torch.from_numpy(ground.rows)]
        chosen = torch.nonzero(visible).reshape(-1)
        outputs = networks.differences(embedding.index_select(0, chosen))
        own = before.select(torch.from_numpy(ground.rows)[chosen])
        anchors = deformed(own, outputs, ground.facts, ground.rest.channels)
        place = torch.from_numpy(shot.camera.position_world).to(anchors.positions)
        gaussians, _ = generate(anchors, self.heads, place)
        red, green, blue = facts.background
        return render_spatial(gaussians, shot.camera, background=(red / 255.0, green / 255.0, blue / 255.0)).pixels

    def _price(self, network_bits: Float[Tensor, ""], pixels: int) -> Float[Tensor, ""]:
        """Bits by the pixels of a view; or Eq. 26 as printed: mean bits of a latent and of a parameter."""
        if self.grid is not None:
            latent_bits, count = sign_bits(self.grid.parameters), self.grid.parameters.numel()
        else:
            assert self.prior is not None
            latent_bits = sum(
                (self.prior.bits(add_uniform_noise(own, self.chance)) for own in self.latents), torch.zeros(())
            )
            count = sum(own.numel() for own in self.latents)
        if self.frame.config.literal_objective:
            return latent_bits / max(count, 1) + network_bits / sum(own.numel() for own in self.layers)
        return (latent_bits + network_bits) / pixels

    def _parameters(self) -> tuple[list[Float[Tensor, " p"]], Float[Tensor, ""]]:
        """Of each layer as a decoder will have it, with straight-through gradients; and what they cost."""
        bits = torch.zeros(())
        config, vectors = self.frame.config, []
        if config.network_bits == FLOAT_BITS:
            return list(self.layers), bits
        for number, own in enumerate(self.layers):
            reach = own.detach()
            if self.reference:
                reach = torch.cat([reach, self.reference[number]])
            low, high = reach.min(), reach.max()
            step = ((high - low) / ((1 << config.network_bits) - 1)).clamp_min(LEAST_STEP)
            symbols = (own - low) / step
            values = round_straight_through(symbols) * step + low
            if self.reference:
                values = values + self.factors[number] * self.reference[number]
            vectors.append(values)
            if self.ground.facts.has_network_entropy:
                bits = bits + normal_bits(add_uniform_noise(symbols, self.chance))
        return vectors, bits

    @torch.no_grad()
    def changes(self) -> NetworkedChanges:
        """What is sent."""
        config = self.frame.config
        own = [layer.detach().numpy().astype(np.float32) for layer in self.layers]
        floats, layers = (), ()
        if config.network_bits == FLOAT_BITS:
            floats = tuple(own)
        else:
            before = [vector.numpy() for vector in self.reference] or [None] * len(own)
            factors = [np.float32(factor) for factor in self.factors] or [None] * len(own)
            layers = tuple(coded_layer(*parts, config.network_bits) for parts in zip(own, before, factors, strict=True))
        if self.grid is not None:
            return NetworkedChanges(layers, floats, grid=self.grid.freeze(self.places))
        assert self.prior is not None
        latents = tuple(torch.round(latent.detach()).numpy().astype(np.int32) for latent in self.latents)
        return NetworkedChanges(layers, floats, latents, counts=self.prior.counts(latents))


def normal_bits(values: Float[Tensor, " p"]) -> Float[Tensor, ""]:
    """What integers cost under a normal distribution of their own mean and spread (HPC, Eq. 16)."""
    spread = values.std(unbiased=False).clamp_min(LEAST_SPREAD)
    centred = (values - values.mean()) / spread
    half = 0.5 / spread
    mass = 0.5 * (torch.erf((centred + half) / 2**0.5) - torch.erf((centred - half) / 2**0.5))
    return -torch.log2(mass.clamp_min(1e-9)).sum()
