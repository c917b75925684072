# SPDX-License-Identifier: Apache-2.0
"""docs/captures.md against the code: each row names something that a test holds it to."""

import re
from pathlib import Path

import pytest

from lamina.data.captures.colmap import PARAMETERS

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs" / "captures.md").read_text(encoding="utf-8")

LAYOUTS = "test_colmap_layouts.py::test_"
EXPORTS = "test_exports.py::test_"
TRANSFORMS = "test_transforms_as_they_come.py::test_"

TESTED_IN = {
    "COLMAP, graphdeco, nerfstudio": LAYOUTS + "layouts_of_tools",
    "transforms.json (NeRF, instant-ngp, nerfstudio)": TRANSFORMS + "what_people_have_is_read",
    "transforms_all.json": TRANSFORMS + "transforms_all_has_all_frames_and_gives_way_to_splits",
    "LLFF": "test_llff.py::test_llffs_axes_become_opencvs",
    "Polycam": EXPORTS + "polycams_own_poses_are_taken_before_arkits",
    "Record3D": EXPORTS + "record3ds_frames_are_in_order_of_time",
    "OpenSfM, OpenDroneMap": EXPORTS + "views_show_what_their_cameras_see",
    "Metashape": EXPORTS + "what_was_left_out_is_said",
    "Bundler, RealityCapture": EXPORTS + "bundlers_cameras_see_what_its_manual_says",
    "which picture is whose": "test_pairing.py::test_names_find_their_files",
    "other names, in order": "test_colmap.py::test_renamed_copies_are_matched_in_order",
    "missing pictures, frames without a pose": LAYOUTS + "a_missing_picture_of_many_is_skipped_and_told",
    "pictures that no camera has": "test_colmap.py::test_unregistered_pictures_are_skipped_and_told",
    "lenses": "test_lens_models.py::test_pictures_come_out_as_a_pinhole_would_have_taken_them",
    "fisheyes": LAYOUTS + "what_a_fisheye_loses_is_said_once",
    "other lenses (division, whole spheres), skew over half a pixel": EXPORTS + "what_is_wrong_is_said",
    "turned pictures": LAYOUTS + "exif_is_applied_where_the_size_of_the_camera_asks_for_it",
    "size": "test_colmap.py::test_smaller_pictures_scale_the_camera",
    "kinds of pictures": LAYOUTS + "pictures_of_openexr_are_read",
    "damaged or hostile files": EXPORTS + "mutants_give_captures_or_our_errors",
}


def rows() -> list[str]:
    """First cells, up to the folder's name."""
    cells = (line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| "))
    return [cell.partition(": ")[0] for cell in cells if cell not in ("folder", "what")]


def test_every_row_is_tested() -> None:
    assert sorted(rows()) == sorted(TESTED_IN)


@pytest.mark.parametrize("row", TESTED_IN)
def test_the_test_of_a_row_is_there(row: str) -> None:
    path, name = TESTED_IN[row].split("::")
    assert re.search(rf"^def {name}\(", (HERE / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_lenses_are_those_of_the_code() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| lenses"))
    assert set(re.findall(r"[A-Z][A-Z_]{2,}", row)) - {"COLMAP"} == set(PARAMETERS)
