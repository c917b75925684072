# SPDX-License-Identifier: Apache-2.0
"""docs/inputs.md against the code: each row names something that a test, or this file, holds it to."""

import re
from pathlib import Path

import pytest

from lamina.data.image import READABLE
from lamina.data.kinds import RAW_SUFFIXES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")

NAMES = "tests/cli/test_pipes_and_names.py::test_"
PICTURES = "tests/data/test_strange_pictures.py::test_"

TESTED_IN = {
    "a file, whatever its name": NAMES + "names_are_names",
    "`-`": NAMES + "all_goes_through_standard_input_and_output",
    "a pipe: `<(...)`, /dev/stdin, a FIFO": NAMES + "a_pipe_is_read_once_and_to_its_end",
    "a terminal, a device, a socket": NAMES + "devices_and_terminals_are_no_files",
    "a folder of pictures": "tests/data/test_opening.py::test_a_folder_is_read_in_natural_order",
    "Pictures: kinds": "tests/data/test_strange_clips.py::test_pictures_that_only_libav_reads_are_pictures",
    "Pictures: bits": PICTURES + "16_bit_tiffs_of_every_layout",
    "floating point": PICTURES + "float_samples_are_linear_light",
    "Pictures: color": "tests/data/test_picture_color.py::test_profiles_at_16_bits",
    "high dynamic range (PQ, HLG)": "tests/data/test_picture_color.py::test_high_dynamic_range_is_told",
    "Pictures: alpha": "tests/data/test_picture_color.py::test_colors_are_converted_before_alpha_is_blended",
    "Pictures: orientation": PICTURES + "heic_is_whole_and_upright",
    "several pictures in a file": PICTURES + "the_first_page_is_said_and_a_thumbnail_is_none",
    "raw photographs (DNG, NEF, CR2, CR3, ARW, RAF, ...)": PICTURES + "raw_photographs_are_refused",
    "metadata": "tests/data/test_inputs_page.py::test_metadata_is_not_kept",
    "Pictures: size": "tests/cli/test_options_mean_something.py::test_pictures_and_clips_are_scaled_on_the_way_in",
    "Clips: kinds": "tests/data/test_opening.py::test_animations_are_clips",
    "which stream": "tests/data/test_strange_clips.py::test_a_cover_is_no_clip",
    "Clips: bits": "tests/data/test_container.py::test_10_bit_samples_are_rounded",
    "Clips: color": "tests/data/test_strange_clips.py::test_wide_colors_of_clips_are_converted",
    "PQ, HLG, logarithmic curves": "tests/data/test_strange_clips.py::test_colors_that_are_kept_as_they_are_are_told",
    "Clips: alpha": "tests/data/test_strange_clips.py::test_opacity_is_laid_over_white",
    "Clips: orientation": "tests/data/test_strange_clips.py::test_mirrors_and_turns",
    "pixel aspect": "tests/data/test_strange_clips.py::test_sound_aspect_and_fields_are_told",
    "fields": "tests/data/test_strange_clips.py::test_sound_aspect_and_fields_are_told",
    "time": "tests/data/test_strange_clips.py::test_uneven_times_are_kept",
    "parts": "tests/cli/test_times_of_frames.py::test_ranges_are_frames_or_seconds_everywhere",
    "damage": "tests/data/test_strange_clips.py::test_damaged_frames_are_told",
    "sound": "tests/data/test_strange_clips.py::test_sound_aspect_and_fields_are_told",
    "Clips: size": "tests/cli/test_options_mean_something.py::test_pictures_and_clips_are_scaled_on_the_way_in",
}


def rows() -> list[str]:
    """First cells; with the section's name where two sections have the same."""
    found: list[tuple[str, str]] = []
    section = ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| what |", "| source |")):
            found.append((section, line.split("|")[1].strip()))
    names = [name for _, name in found]
    return [f"{section}: {name}" if names.count(name) > 1 else name for section, name in found]


def test_every_row_is_tested() -> None:
    assert sorted(rows()) == sorted(TESTED_IN)


@pytest.mark.parametrize("row", TESTED_IN)
def test_the_test_of_a_row_is_there(row: str) -> None:
    path, name = TESTED_IN[row].split("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_kinds_are_those_of_the_code() -> None:
    spelled = {"JPEG2000": "JPEG 2000", "WEBP": "WebP"}
    for kind in set(READABLE) - {"DIB"}:
        assert spelled.get(kind, kind) in PAGE
    named = re.search(r"raw photographs \(([^)]*)\)", PAGE)
    assert named is not None
    assert {f".{kind.lower()}" for kind in named[1].split(", ") if kind != "..."} <= RAW_SUFFIXES


def test_metadata_is_not_kept(tmp_path: Path) -> None:
    from PIL import Image

    from lamina.data import read_image, write_image

    exif = Image.Exif()
    exif[270] = "where it was taken"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    write_image(tmp_path / "b.jpg", read_image(tmp_path / "a.jpg").pixels)
    assert b"where it was taken" in (tmp_path / "a.jpg").read_bytes()
    assert b"where it was taken" not in (tmp_path / "b.jpg").read_bytes()
