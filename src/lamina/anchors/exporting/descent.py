# SPDX-License-Identifier: Apache-2.0
"""Gaussians that hold for all views enter, nearly right; Gaussians that show what the scene shows leave.

The scene itself says what a camera should see, so no capture is needed and any camera will do: a step renders one view
and descends on the difference. Means, shapes, opacities and harmonics all move; their number stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.exporting.subject import Subject
from lamina.anchors.neural import in_view
from lamina.anchors.picturing import eight_bits, shown
from lamina.cameras.camera import Camera
from lamina.data.splats.cloud import SplatCloud
from lamina.fitting.adam import Parameter
from lamina.fitting.photometric import photometric
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import render_spatial
from lamina.render.spherical_harmonics import evaluate

VIEW_PIXELS = 120_000
"""Of a view at most; larger ones are made smaller: what a step takes is bounded."""

SSIM = 0.2
"""Weight of 1 - SSIM in the loss, as in the fit of a scene."""

SHIFT_RATE, ROTATION_RATE, SCALE_RATE, OPACITY_RATE, FLAT_RATE, HARMONIC_RATE = 1.5e-3, 2e-3, 5e-3, 2e-2, 2.5e-3, 5e-3
"""Adam's first rates: of means (in largest sigmas of each Gaussian), quaternions, ln sigma, logits of opacity, and
harmonics of degree 0 and above. Means want a tenth of what they get in fits from nothing: they are right but for what
the other values do wrong."""

LAST_SHARE = 0.1
"""Of the first rates, what the last step has; linear between."""

SURE_LOGIT = 7.0
"""Opacities start within the logistic function of +-this (0.999, what the renderer draws at most): further out
there is no slope."""

REACH = 3.0
"""Sigmas within which a Gaussian is looked for in a picture: at 3.3 none is drawn any more."""

SEED = 1
"""Of the order of views."""


@dataclass(frozen=True, eq=False)
class Look:
    """A camera, and what it sees of the scene."""

    camera: Camera
    target: UInt8[Tensor, "h w 3"]
    """8 bits: many are kept, and nobody is shown more."""


def fit_to_subject(
    cloud: SplatCloud, subject: Subject, cameras: Sequence[Camera], steps: int, report: Callable[[float], None]
) -> SplatCloud:
    """The same Gaussians after so many steps, one view each; `report` gets the share that is done, 0...1.

    Chance is none: the same bits for the same input, as far as torch gives them.

    Raises:
        ValueError: there are no cameras.
    """
    if not cameras:
        raise ValueError("expected at least one camera to fit Gaussians to")
    # Rendering a view takes half as long as a step on it.
    whole = 0.5 * len(cameras) + steps
    looks: list[Look] = []
    for camera in cameras:
        looks.append(look_through(subject, camera))
        report(0.5 * len(looks) / whole)
    start = Start.of(cloud)
    parameter, rates, reaches = Parameter.of(start.values()), start.rates(), start.reaches()
    random = np.random.default_rng(SEED)
    order = np.concatenate([random.permutation(len(looks)) for _ in range(-(-steps // len(looks)))])
    for step in range(1, steps + 1):
        look = looks[order[step - 1]]
        rows = torch.nonzero(in_view(reaches, look.camera)).reshape(-1)
        if len(rows):
            values = parameter.leaf(rows)
            gaussians = start.gaussians(values, rows, look.camera)
            pixels = render_spatial(gaussians, look.camera, background=subject.background).pixels
            photometric(pixels, look.target.float() / 255.0, SSIM).backward()
            assert values.grad is not None
            share = 1.0 - (1.0 - LAST_SHARE) * (step - 1) / steps
            parameter.descend(rows, values.grad, share * rates, step)
        report((0.5 * len(looks) + step) / whole)
    return start.cloud(parameter.values)


@torch.no_grad()
def look_through(subject: Subject, camera: Camera) -> Look:
    """What the anchors show there, of bounded size."""
    shrink = math.sqrt(min(1.0, VIEW_PIXELS / (camera.width * camera.height)))
    if shrink < 1.0:
        camera = camera.resized(max(1, int(shrink * camera.width)), max(1, int(shrink * camera.height)))
    pixels = shown(subject.anchors, subject.heads, camera, subject.background)
    return Look(camera, torch.from_numpy(eight_bits(pixels)))


@dataclass(frozen=True, eq=False)
class Start:
    """Where Gaussians begin, and how values that descend are read: a row of each Gaussian, all its numbers in it.

    The columns: shift of the mean in `sizes`, quaternion, ln sigma, logit of opacity, harmonics.
    """

    means: Float[Tensor, "n 3"]
    sizes: Float[Tensor, "n 1"]
    """Largest sigma of each, world units."""
    rest: Float[Tensor, "n c"]
    """Of the columns, those after the shift."""

    @classmethod
    def of(cls, cloud: SplatCloud) -> Start:
        """Of Gaussians as files hold them."""
        log_scales = torch.from_numpy(cloud.log_scales)
        rotations = torch.nn.functional.normalize(torch.from_numpy(cloud.rotations), dim=1)
        logits = torch.from_numpy(cloud.logit_opacities).clamp(-SURE_LOGIT, SURE_LOGIT)[:, None]
        rest = torch.cat([rotations, log_scales, logits, torch.from_numpy(cloud.sh).flatten(1)], dim=1)
        return cls(torch.from_numpy(cloud.means), torch.exp(log_scales.amax(dim=1, keepdim=True)), rest)

    def values(self) -> Float[Tensor, "n p"]:
        """All columns as they are at the start."""
        return torch.cat([torch.zeros_like(self.means), self.rest], dim=1)

    def rates(self) -> Float[Tensor, " p"]:
        """Of Adam, a column each."""
        harmonics = self.rest.shape[1] - 8 - 3
        groups = ((SHIFT_RATE, 3), (ROTATION_RATE, 4), (SCALE_RATE, 3), (OPACITY_RATE, 1), (FLAT_RATE, 3))
        return torch.tensor([rate for rate, count in (*groups, (HARMONIC_RATE, harmonics)) for _ in range(count)])

    def columns(self, values: Float[Tensor, "m p"]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Shifts, quaternions, ln sigmas, logits, harmonics."""
        shifts, rotations, log_scales, logits, sh = values.split([3, 4, 3, 1, values.shape[1] - 11], dim=1)
        return shifts, rotations, log_scales, logits[:, 0], sh.unflatten(1, (-1, 3))

    def reaches(self) -> Anchors:
        """Where each Gaussian may show, for `in_view`: as at the start, since margins there exceed what they move."""
        nothing, reach = self.rest[:, :0], (REACH * self.sizes).expand(-1, 3)
        return Anchors(self.means, nothing, torch.cat([torch.zeros_like(reach), reach], dim=1), nothing, nothing)

    def gaussians(self, values: Float[Tensor, "m p"], rows: Int64[Tensor, " m"], camera: Camera) -> Gaussians3D:
        """What a camera sees of these rows; the colors' direction is taken as given, since it hardly turns."""
        shifts, rotations, log_scales, logits, sh = self.columns(values)
        means = self.means[rows] + shifts * self.sizes[rows]
        directions = means.detach() - torch.from_numpy(camera.position_world).to(means)
        colors = evaluate(sh, directions)
        return Gaussians3D(means, rotations, torch.exp(log_scales), torch.sigmoid(logits), colors)

    def cloud(self, values: Float[Tensor, "n p"]) -> SplatCloud:
        """Gaussians as files hold them."""
        shifts, rotations, log_scales, logits, sh = self.columns(values)
        means = self.means + shifts * self.sizes
        arrays = (means, log_scales, torch.nn.functional.normalize(rotations, dim=1), logits, sh)
        return SplatCloud(*(array.numpy() for array in arrays))
