# SPDX-License-Identifier: Apache-2.0
"""Plain 3D Gaussian splatting with our renderer: a capture enters, its PSNR and a .ply leave.

    python benchmarks/rivals/plain_gaussians.py --captures bonsai --steps 8000 --counts 33000 100000

What a scene of anchors is measured against: the same views, renderer, loss and number of steps, no anchors, no rate.
Densification is that of 3DGS-MCMC, which keeps to a number of Gaussians: those that have become faint move to where
others are, and places are explored by noise.

Source: Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023); Kheradmand et al., 3DGS as Markov chain Monte Carlo
(NeurIPS 2024), sec. 3 and its appendix's settings.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from benchmarks.result_files import add_figures, data_folder
from benchmarks.scenes import CAPTURES
from torch import Tensor

from lamina.anchors.fitting.first_octree import RANDOM_POINTS, bounding_cube
from lamina.data.captures import Capture, read_capture
from lamina.data.splats import SplatCloud, write_ply
from lamina.data.splats.gaussians import cloud_of_gaussians
from lamina.fitting.photometric import photometric
from lamina.metrics.psnr import finite_db, psnr
from lamina.metrics.ssim import ssim
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import render_spatial
from lamina.render.spherical_harmonics import FLAT, MIDDLE, evaluate

RESULT_NAME = "plain_gaussians"

MEAN_RATES = (1.6e-4, 1.6e-6)
"""First and last, times the cameras' extent (3DGS, arguments)."""
RATES = {"scales": 5e-3, "rotations": 1e-3, "opacities": 5e-2, "constants": 2.5e-3, "harmonics": 1.25e-4}
"""3DGS, arguments."""
FAINT = 0.005
"""Opacity of a Gaussian that is moved (MCMC)."""
INTERVAL_STEPS = 100
GROWTH = 1.05
"""By which the number may grow at an interval (MCMC)."""
DENSIFY_SHARE = (0.017, 0.83)
"""Of the steps (MCMC: 500...25,000 of 30,000)."""
NOISE = 5e5
"""Times the means' rate (MCMC)."""
REGULARIZER = 0.01
"""Of mean opacity and mean scale (MCMC)."""
FIRST_OPACITY, FIRST_SCALE = 0.1, 1.0
"""Of the first Gaussians; the second times the distance to the neighbours (3DGS)."""
MOST_COPIES = 51
"""Of one Gaussian at an interval (MCMC)."""


@dataclass
class Cloud:
    """Parameters under Adam."""

    tensors: dict[str, Tensor]
    optimizer: torch.optim.Adam

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> Cloud:
        """Fresh moments."""
        groups = [
            {"params": [tensor.requires_grad_()], "lr": RATES.get(name, 0.0), "name": name}
            for name, tensor in tensors.items()
        ]
        return cls(tensors, torch.optim.Adam(groups, eps=1e-15, fused=True))

    def __len__(self) -> int:
        return len(self.tensors["means"])

    def sh(self) -> Tensor:
        """Coefficients of all degrees."""
        return torch.cat([self.tensors["constants"], self.tensors["harmonics"]], dim=1)

    def gaussians(self, place: Tensor) -> Gaussians3D:
        """As seen from a place."""
        means, t = self.tensors["means"], self.tensors
        colors = evaluate(self.sh(), means.detach() - place)
        return Gaussians3D(means, t["rotations"], t["scales"].exp(), t["opacities"].sigmoid(), colors)

    def replaced(self, rows: Tensor, changes: dict[str, Tensor], fresh: Tensor) -> None:
        """Rows take new values and lose their moments; `fresh` rows are copied to the end."""
        for group in self.optimizer.param_groups:
            name, (old,) = group["name"], group["params"]
            state = self.optimizer.state.pop(old, None)
            with torch.no_grad():
                values = old.detach().clone()
                if name in changes:
                    values[rows] = changes[name]
                values = torch.cat([values, values[fresh]]).requires_grad_()
                if state is not None:
                    for key in ("exp_avg", "exp_avg_sq"):
                        moments = state[key]
                        moments[rows] = 0.0
                        state[key] = torch.cat([moments, torch.zeros_like(moments[fresh])])
                    self.optimizer.state[values] = state
            group["params"] = [values]
            self.tensors[name] = values


def first_cloud(capture: Capture, count: int, degree: int, generator: torch.Generator) -> Cloud:
    """A Gaussian at each point, or at some of them; random places where there are no points."""
    points, colors = capture.points, capture.point_colors / 255.0
    if not len(points):
        corner, side = bounding_cube(capture)
        places = torch.rand(RANDOM_POINTS, 3, generator=generator).numpy()
        points, colors = corner + side * places, np.full((RANDOM_POINTS, 3), 0.5)
    chosen = torch.randperm(len(points), generator=generator)[:count].numpy()
    means = torch.from_numpy(points[chosen].astype(np.float32))
    shades = torch.from_numpy(colors[chosen].astype(np.float32))
    log_scales = torch.log(FIRST_SCALE * spacing(means))[:, None].repeat(1, 3)
    n = len(means)
    return Cloud.of(
        {
            "means": means,
            "scales": log_scales,
            "rotations": torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(n, 1),
            "opacities": torch.full((n,), math.log(FIRST_OPACITY / (1 - FIRST_OPACITY))),
            "constants": ((shades - MIDDLE) / FLAT)[:, None],
            "harmonics": torch.zeros(n, (degree + 1) ** 2 - 1, 3),
        }
    )


def spacing(means: Tensor) -> Tensor:
    """Root mean square distance to the three nearest, by chunks."""
    parts = []
    for chunk in means.split(1024):
        nearest = torch.cdist(chunk, means).topk(4, largest=False).values[:, 1:]
        parts.append(nearest.square().mean(dim=1).sqrt().clamp_min(1e-7))
    return torch.cat(parts)


def densify(cloud: Cloud, limit: int, generator: torch.Generator) -> None:
    """Faint Gaussians move to where others are; then there are a few more (MCMC, Eq. 9)."""
    opacities = cloud.tensors["opacities"].detach().sigmoid()
    dead = torch.nonzero(opacities <= FAINT).reshape(-1)
    alive = torch.nonzero(opacities > FAINT).reshape(-1)
    if len(dead) and len(alive):
        chosen = alive[torch.multinomial(opacities[alive], len(dead), True, generator=generator)]
        changed, changes = shared(cloud, chosen)
        copies = {name: tensor.detach()[chosen] for name, tensor in cloud.tensors.items()}
        order = torch.searchsorted(changed, chosen)
        copies["opacities"], copies["scales"] = changes["opacities"][order], changes["scales"][order]
        cloud.replaced(changed, changes, dead[:0])
        cloud.replaced(dead, copies, dead[:0])
    more = min(limit, int(GROWTH * len(cloud))) - len(cloud)
    if more > 0:
        opacities = cloud.tensors["opacities"].detach().sigmoid()
        chosen = torch.multinomial(opacities, more, True, generator=generator)
        cloud.replaced(*shared(cloud, chosen), chosen)


def shared(cloud: Cloud, chosen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Opacities and scales of Gaussians that are there several times now, so that the picture stays as it was."""
    rows, counts = torch.unique(chosen, return_counts=True)
    copies = (counts + 1).clamp_max(MOST_COPIES)
    old = cloud.tensors["opacities"].detach()[rows].sigmoid()
    new = 1 - (1 - old).pow(1 / copies)
    total = torch.zeros_like(old)
    for i in range(1, int(copies.max()) + 1):
        inside = torch.zeros_like(old)
        for j in range(i):
            inside += math.comb(i - 1, j) * (-1) ** j / math.sqrt(j + 1) * new.pow(j + 1)
        total += torch.where(copies >= i, inside, 0.0)
    scales = cloud.tensors["scales"].detach()[rows] + torch.log(old / total)[:, None]
    new = new.clamp(FAINT, 1 - 1e-6)
    return rows, {"opacities": torch.logit(new), "scales": scales}


@torch.no_grad()
def explore(cloud: Cloud, rate: float, generator: torch.Generator) -> None:
    """Noise on the means of faint Gaussians, along their own shape (MCMC, Eq. 8)."""
    t = cloud.tensors
    w, x, y, z = torch.nn.functional.normalize(t["rotations"], dim=1).unbind(1)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]
    rows += [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]
    rows += [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    turn = torch.stack(rows, dim=1).reshape(-1, 3, 3)
    shape = turn * t["scales"].exp()[:, None, :]
    gate = torch.sigmoid(-100 * (t["opacities"].sigmoid() - FAINT))
    noise = torch.randn(len(gate), 3, generator=generator) * gate[:, None] * NOISE * rate
    t["means"] += torch.einsum("nij,nkj,nk->ni", shape, shape, noise)


def fit(capture: Capture, steps: int, count: int, degree: int, seed: int = 1) -> Cloud:
    """So many steps on the training views."""
    generator = torch.Generator().manual_seed(seed)
    cloud = first_cloud(capture, count, degree, generator)
    red, green, blue = (level / 255 for level in capture.background)
    first, last = (rate * capture.camera_extent for rate in MEAN_RATES)
    order: list[int] = []
    for step in range(1, steps + 1):
        order = order or torch.randperm(len(capture.train), generator=generator).tolist()
        view = capture.train[order.pop()]
        camera = capture.views[view].camera
        target = torch.from_numpy(capture.pixels(view).astype(np.float32)) / 255.0
        rate = first * (last / first) ** (step / steps)
        cloud.optimizer.param_groups[0]["lr"] = rate
        gaussians = cloud.gaussians(torch.from_numpy(camera.position_world).float())
        image = render_spatial(gaussians, camera, background=(red, green, blue))
        loss = photometric(image.pixels, target, 0.2)
        loss = loss + REGULARIZER * (gaussians.opacities.mean() + gaussians.scales.mean())
        cloud.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        cloud.optimizer.step()
        if step % INTERVAL_STEPS == 0 and DENSIFY_SHARE[0] * steps <= step <= DENSIFY_SHARE[1] * steps:
            densify(cloud, count, generator)
        explore(cloud, rate, generator)
        if step % 500 == 0:
            print(f"step {step}: {len(cloud)} Gaussians, loss {loss.item():.4f}", flush=True)
    return cloud


@torch.no_grad()
def quality(cloud: Cloud, capture: Capture, views: Sequence[int]) -> dict[str, float]:
    """Mean PSNR and SSIM over views, 8-bit pixels."""
    red, green, blue = (level / 255 for level in capture.background)
    found = []
    for view in views:
        camera = capture.views[view].camera
        image = render_spatial(
            cloud.gaussians(torch.from_numpy(camera.position_world).float()), camera, background=(red, green, blue)
        )
        pixels = (image.pixels.clamp(0, 1) * 255).round().byte().numpy()
        original = np.array(capture.pixels(view))
        found.append((finite_db(psnr(original, pixels)), ssim(original, pixels)))
    return {
        "psnr": round(float(np.mean([f[0] for f in found])), 3),
        "ssim": round(float(np.mean([f[1] for f in found])), 4),
    }


def cloud_for_files(cloud: Cloud) -> SplatCloud:
    """As other tools keep it."""
    gaussians = cloud.gaussians(torch.zeros(3))
    return cloud_of_gaussians(replace(gaussians, colors=gaussians.colors.detach()), cloud.sh())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", default=list(CAPTURES), choices=sorted(CAPTURES))
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--counts", nargs="+", type=int, default=[33_000])
    parser.add_argument("--degree", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()), help="folder for .ply files")
    options = parser.parse_args()
    for name in options.captures:
        folder, scale = CAPTURES[name]
        capture = read_capture(data_folder() / folder, scale=scale)
        for count in options.counts:
            started_s = time.process_time()
            cloud = fit(capture, options.steps, count, options.degree)
            figures: dict[str, Any] = {
                "gaussians": len(cloud),
                "degree": options.degree,
                **quality(cloud, capture, capture.test),
            }
            figures["train_psnr"] = quality(cloud, capture, capture.train[::8])["psnr"]
            figures["fit_cpu_s"] = round(time.process_time() - started_s, 1)
            options.out.mkdir(parents=True, exist_ok=True)
            write_ply(options.out / f"{name}_{options.steps}_{count}.ply", cloud_for_files(cloud))
            add_figures(
                RESULT_NAME, {"densification": "3DGS-MCMC"}, name, {f"steps={options.steps},count={count}": figures}
            )
            print(name, options.steps, count, figures, flush=True)


if __name__ == "__main__":
    main()
