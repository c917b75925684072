# SPDX-License-Identifier: Apache-2.0
"""Parts of the face are where they are on a face; what stands behind a person is what was asked for."""

import numpy as np
import pytest
from head_samples import facts_of, parts_of

from lamina.codec import Size
from lamina.codecs.head.coding import decode, encode
from lamina.codecs.head.model import HeadModel, render
from lamina.codecs.head.regions import EYES, FACE, HAIR, MOUTH, REGIONS, TORSO, free_parts, mesh_parts
from lamina.data.faces.template import barycentric, face_template
from lamina.errors import TargetError
from lamina.media.backdrops import BACKGROUNDS, background_of, check_background, standing_before
from lamina.media.regions import region_scores


def a_model(gaussians: int = 3000) -> HeadModel:
    return list(decode(encode(parts_of(facts_of(1, gaussians=gaussians), 1))))[-1]


def test_parts_are_where_they_are_on_a_face() -> None:
    template = face_template()
    points = barycentric(template.vertices.astype(np.float64), template, len(template.sample_corners))
    parts = mesh_parts()
    heights = {part: points[parts == part, 1] for part in (MOUTH, EYES, FACE, HAIR, TORSO)}
    assert all(len(found) > 50 for found in heights.values())
    assert heights[MOUTH].mean() + 3 < heights[EYES].mean()
    assert heights[TORSO].max() < heights[MOUTH].mean()
    assert np.ptp(points[parts == EYES, 0]) > 7, "two eyes"
    chin = heights[TORSO].max()
    beside = np.array(
        [[0, chin - 5, 0], [20, chin - 8, 0], [0, 14, -4], points[parts == FACE].mean(axis=0)], np.float32
    )
    assert list(free_parts(beside)[:3]) == [TORSO, TORSO, HAIR]


def test_no_pixel_is_of_two_parts() -> None:
    model = a_model()
    masks = model.regions(Size(96, 72))
    assert tuple(masks) == REGIONS
    assert {mask.shape for mask in masks.values()} == {(72, 96)}
    assert np.sum(list(masks.values()), axis=0).max() == 1
    assert sum(mask.any() for mask in masks.values()) >= 2


def test_regions_have_figures_of_their_own() -> None:
    model = a_model()
    decoded = np.full((72, 96, 3), 100, np.uint8)
    reference = decoded.copy()
    masks = model.regions(Size(96, 72))
    name = max(masks, key=lambda one: int(masks[one].sum()))
    reference[masks[name]] += 10
    scores = region_scores(model, Size(96, 72), reference, decoded)
    assert scores[name] == pytest.approx(20 * np.log10(255 / 10))
    assert all(score == 100 for other, score in scores.items() if other != name)
    assert region_scores(object(), Size(96, 72), reference, decoded) == {}


def test_a_color_or_a_picture_stands_behind_and_the_person_before_it() -> None:
    model = a_model(40)
    plain = render(model, model.view).numpy()
    green = render(model.over(BACKGROUNDS["green"]), model.view).numpy()
    white = render(standing_before(model, (255, 255, 255)), model.view).numpy()  # pyright: ignore[reportArgumentType]
    person = np.abs(white - green).max(axis=2) < 0.02
    np.testing.assert_allclose(plain[person], green[person], atol=0.03)
    empty = np.abs(white - 1).max(axis=2) < 1e-6
    assert empty.any()
    np.testing.assert_allclose(green[empty], np.tile([0.0, 1.0, 0.0], (int(empty.sum()), 1)), atol=1e-6)
    picture = np.random.default_rng(1).integers(0, 256, (*plain.shape[:2], 3), dtype=np.uint8)
    np.testing.assert_allclose(render(model.over(picture), model.view).numpy()[empty], picture[empty] / 255, atol=1e-6)
    with pytest.raises(TargetError, match="resize it"):
        check_background(picture, [(17, 4)])
    assert background_of(None) is None
