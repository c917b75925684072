# SPDX-License-Identifier: Apache-2.0
"""A fit under way <-> a file, so that an interrupted encode goes on. Plain arrays and JSON, nothing pickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.anchors.fitting.state import FitState
from lamina.anchors.growth import Statistics
from lamina.fitting import checkpoint
from lamina.fitting.adam import Parameter

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What torch's Adam calls its moments."""

STATISTICS = ("gradients", "sightings", "opacities", "visits")


def save(path: Path, key: str, state: FitState, beside: Mapping[str, np.ndarray] | None = None) -> None:
    """Writes a checkpoint, whole or not at all; `beside` is what a codec wants to find again (`found_beside`)."""
    facts = {
        "step": state.step,
        "rate_weight": state.rate_weight,
        "bits_per_anchor": state.bits_per_anchor,
        "rated_count": state.rated_count,
    }
    arrays: dict[str, Any] = {f"layer{number}": indices for number, indices in enumerate(state.layers)}
    for name in ("values", "mask_logits"):
        parameter = getattr(state, name)
        tensors = zip(("values", "first", "second"), (parameter.values, parameter.first, parameter.second), strict=True)
        arrays |= {f"{name}.{part}": tensor.cpu().numpy() for part, tensor in tensors}
    arrays |= {f"statistics.{name}": getattr(state.statistics, name) for name in STATISTICS}
    for name, optimizer in optimizers_of(state).items():
        for number, tensor in enumerate(tensors_of(optimizer)):
            arrays[f"{name}.{number}"] = tensor.detach().cpu().numpy()
            moments = optimizer.state.get(tensor, {})
            arrays |= {f"{name}.{number}.{part}": moments[part].cpu().numpy() for part in moments}
    arrays |= {f"beside.{name}": array for name, array in (beside or {}).items()}
    checkpoint.save(path, key, facts, arrays)


def found_beside(path: Path | None, key: str, name: str) -> np.ndarray | None:
    """What was saved beside a fit of this job; None where there is none."""
    found = checkpoint.load(path, key)
    return None if found is None else found[1].get(f"beside.{name}")


def load(path: Path | None, key: str, fresh: FitState) -> FitState | None:
    """The fit saved for this job; None when there is none, or it is another's or damaged: then the fit starts anew.

    `fresh` is the job's first state: it gives networks their shapes, and is changed only if all is well.
    """
    found = checkpoint.load(path, key)
    if found is None:
        return None
    try:
        return restored(*found, fresh)
    except checkpoint.UNREADABLE:
        return None


def restored(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], fresh: FitState) -> FitState:
    """The state that was saved."""
    parts = ("values", "first", "second")
    parameters = [
        Parameter(*(torch.from_numpy(arrays[f"{name}.{part}"]).to(fresh.device) for part in parts))
        for name in ("values", "mask_logits")
    ]
    # Everything is looked up before anything changes: a fit that starts anew must find `fresh` as it was.
    known: list[tuple[torch.optim.Adam, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]] = []
    for name, optimizer in optimizers_of(fresh).items():
        for number, tensor in enumerate(tensors_of(optimizer)):
            places = {part: f"{name}.{number}.{part}" for part in ("step", *MOMENTS)}
            moments = {part: torch.from_numpy(arrays[place]) for part, place in places.items() if place in arrays}
            values = torch.from_numpy(arrays[f"{name}.{number}"])
            if values.shape != tensor.shape:
                raise ValueError(f"{name}.{number} has shape {tuple(values.shape)}, expected {tuple(tensor.shape)}")
            known.append((optimizer, tensor, values, moments))
    state = FitState(
        fresh.lattice,
        tuple(arrays[f"layer{number}"] for number in range(fresh.lattice.layer_count)),
        parameters[0],
        parameters[1],
        fresh.networks,
        Statistics(*(arrays[f"statistics.{name}"] for name in STATISTICS)),
        facts["step"],
        facts["rate_weight"],
        facts["bits_per_anchor"],
        facts["rated_count"],
    )
    for optimizer, tensor, values, moments in known:
        with torch.no_grad():
            tensor.copy_(values)
        if moments:
            optimizer.state[tensor] = {part: array.to(tensor.device) for part, array in moments.items()}
    return state


def optimizers_of(state: FitState) -> dict[str, torch.optim.Adam]:
    """By name."""
    return {"heads": state.networks.head_optimizer, "context": state.networks.context_optimizer}


def tensors_of(optimizer: torch.optim.Adam) -> list[torch.Tensor]:
    """What it descends on, in order."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]
