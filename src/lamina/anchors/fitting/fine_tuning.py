# SPDX-License-Identifier: Apache-2.0
"""The last training of the probability model: values that will not change enter; the model learns what they cost.

While a scene is fitted, noise stands in for rounding, and networks have real weights. Here values are rounded as a
decoder will have them, parents and neighbours are what was decoded, and weights are rounded as they will be sent. No
picture is rendered, so that some hundred steps take seconds; steps of quantisers stay as they are.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.fitting.context_model import Bits, ContextModel
from lamina.anchors.fitting.relations import Known, Relations, known_of

SETTLED_WEIGHT_BITS = 5
"""Fraction bits of weights. On a short fit of bonsai, 16,000 anchors: 7 bits 42.4 kB, 6: 41.0, 5: 39.5, 4: 39.2, of
which networks 9.7, 8.2, 6.8 and 5.3; larger scenes care for the layers."""

SETTLE_STEPS = 500

SETTLE_ROWS = 2048
"""Anchors of a step."""

SETTLE_RATE = 5e-3
"""Of Adam at first; it falls to a hundredth."""

REFRESH_STEPS = 100
"""Values are decoded anew so often: what parents decode to changes with the model."""


def settle(
    context: ContextModel,
    values: Float[Tensor, "n c"],
    masks: Float[Tensor, "n k"],
    relations: Relations,
    *,
    steps: int = SETTLE_STEPS,
    weight_bits: int = SETTLED_WEIGHT_BITS,
    generator: torch.Generator | None = None,
) -> float:
    """Trains `context` in place, for weights of so many fraction bits, which `freeze` will keep to.

    Returns the bits of all values in the end.
    """
    context.weight_bits = weight_bits
    frozen = [context.layer_steps, *(context.stepper.parameters() if context.stepper is not None else ())]
    trained = [parameter for parameter in context.parameters() if all(parameter is not other for other in frozen)]
    optimizer = torch.optim.Adam(trained, SETTLE_RATE)
    count = len(values)
    rows_per_step = min(SETTLE_ROWS, count)
    decoded = values
    for step in range(steps if count else 0):
        if step % REFRESH_STEPS == 0:
            decoded, _ = decode_all(context, values, decoded, relations)
        optimizer.param_groups[0]["lr"] = SETTLE_RATE * 0.01 ** (step / steps)
        rows = torch.randint(0, count, (rows_per_step,), generator=generator).to(values.device)
        _, bits = cost(context, values, known_of(decoded, relations, rows), relations, rows)
        loss = bits.total(masks[rows]).mean() + context.hash_bits() / count
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    _, bits = decode_all(context, values, decoded, relations)
    return float(bits.total(masks).sum())


@torch.no_grad()
def decode_all(
    context: ContextModel, values: Float[Tensor, "n c"], before: Float[Tensor, "n c"], relations: Relations
) -> tuple[Float[Tensor, "n c"], Bits]:
    """What all values decode to if other anchors decoded to `before`, and what they cost."""
    rows = torch.arange(len(values), device=values.device)
    return cost(context, values, known_of(before, relations, rows), relations, rows)


def cost(
    context: ContextModel, values: Float[Tensor, "n c"], known: Known, relations: Relations, rows: Tensor
) -> tuple[Float[Tensor, "m c"], Bits]:
    """What some rows decode to, and their bits; no gradient to steps."""
    with torch.no_grad():
        steps = context.steps(known.parent, relations, rows)
    return context.quantized(values[rows], steps, known, relations, rows)
