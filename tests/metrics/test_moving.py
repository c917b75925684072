# SPDX-License-Identifier: Apache-2.0
"""What stands still before a camera, and where a picture moves."""

import numpy as np
import pytest

from lamina.metrics.moving import dilated, moving_mask, still_picture


def eroded_by_hand(mask: np.ndarray) -> np.ndarray:
    """Slowly, beyond the edges nothing."""
    height, width = mask.shape
    made = np.zeros_like(mask)
    for row in range(height):
        for column in range(width):
            around = [(row, column), (row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            made[row, column] = all(0 <= r < height and 0 <= c < width and mask[r, c] for r, c in around)
    return made


def dilated_by_hand(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    made = mask.copy()
    for row, column in np.argwhere(mask):
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < height and 0 <= c < width:
                made[r, c] = True
    return made


def test_what_passes_by_is_not_in_the_still_picture() -> None:
    room = np.random.default_rng(1).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    pictures = []
    for number in range(5):
        picture = room.copy()
        picture[:, 2 * number : 2 * number + 2] = 255 - picture[:, 2 * number : 2 * number + 2]
        pictures.append(picture)
    np.testing.assert_array_equal(still_picture(pictures), room)


def test_a_mask_is_what_differs_opened_and_widened() -> None:
    random = np.random.default_rng(2)
    still = random.integers(0, 200, (20, 31, 3)).astype(np.uint8)
    for share in (0.1, 0.6, 0.95):
        picture = still.copy()
        picture[random.random((20, 31)) < share, 1] += 25
        differs = (picture.astype(int) - still).max(axis=2) > 24
        expected = dilated_by_hand(dilated_by_hand(dilated_by_hand(eroded_by_hand(differs))))
        np.testing.assert_array_equal(moving_mask(picture, still), expected)
    assert moving_mask(picture, still).any()


def test_noise_and_what_is_too_small_do_not_move() -> None:
    still = np.full((10, 10, 3), 100, np.uint8)
    noisy = still.copy()
    noisy[4, 4] = 255
    noisy[:, 8] += 24
    noisy[0, 0, 0] -= 90
    assert not moving_mask(noisy, still).any()
    noisy[4, 3:6], noisy[3:6, 4] = 60, 60
    assert moving_mask(noisy, still).sum() == 25, "a cross of three, twice and once widened: a diamond of radius 3"


def test_dilation_looks_beyond_the_edges_where_it_is_told() -> None:
    nothing = np.zeros((3, 3), bool)
    assert not dilated(nothing).any()
    assert dilated(nothing, outside=True).sum() == 8


def test_rejects_pictures_of_several_sizes_and_none() -> None:
    with pytest.raises(ValueError, match="expected pictures of one size, got 0"):
        still_picture([])
    with pytest.raises(ValueError, match="one size"):
        still_picture([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)])
