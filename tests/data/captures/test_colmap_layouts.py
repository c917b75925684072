# SPDX-License-Identifier: Apache-2.0
"""Where tools leave COLMAP models and pictures, and what happens when names, files and EXIF disagree."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_views import pose, psnr, seen_by, seen_by_pinhole
from PIL import Image
from written_models import Written, WrittenImage, write_binary, write_capture, write_pictures, write_text, written

from lamina.data import write_image
from lamina.data.captures import Capture, is_capture, read_capture
from lamina.data.captures.colmap import lens_of
from lamina.errors import SignalError

FISHEYE = (60.0, 61.0, 62.0, 41.0, 0.02, -0.01, 0.002, 0.0)
NAMES = ["a 1.png", "b.png", "c.png"]


def drawn(folder: Path, model: str, numbers: tuple[float, ...], names: list[str], **changes: float) -> list[np.ndarray]:
    """A model as text, of cameras in a row before a drawing, and its pictures in ``images``; their poses."""
    width, height = int(changes.get("width", 124)), int(changes.get("height", 82))
    poses = [pose(0.4 * number, 0.1 * number) for number in range(len(names))]
    # Turned by 0.1 about the upright axis, the other way round: camera_from_world.
    quaternion = (math.cos(0.05), 0.0, -math.sin(0.05), 0.0)
    images = [
        WrittenImage(name, quaternion, tuple(motion[:3, 3].tolist())) for name, motion in zip(names, poses, strict=True)
    ]
    content = Written("PINHOLE", (50.0, 50.0, 62.0, 41.0), width, height, images)
    write_text(folder / "sparse" / "0", content)
    row = " ".join(str(number) for number in numbers)
    (folder / "sparse" / "0" / "cameras.txt").write_text(f"1 {model} {width} {height} {row}\n")
    for name, motion in zip(names, poses, strict=True):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, seen_by(lens_of(model, width, height, numbers, "lens"), motion))
    return poses


def worst(capture: Capture) -> float:
    """dB of the worst view beside what its camera should see."""
    return min(psnr(capture.pixels(number), seen_by_pinhole(view.camera)) for number, view in enumerate(capture.views))


@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("OPENCV_FISHEYE", FISHEYE),
        ("SIMPLE_RADIAL_FISHEYE", (60.0, 62.0, 41.0, 0.02)),
        ("THIN_PRISM_FISHEYE", (60.0, 61.0, 62.0, 41.0, 0.02, -0.01, 0.002, 0.001, 0.001, 0.0, 0.002, 0.001)),
        ("FOV", (70.0, 71.0, 62.0, 41.0, 0.9)),
        ("FULL_OPENCV", (80.0, 81.0, 62.0, 41.0, 0.3, -0.05, 0.002, -0.001, 0.01, 0.35, 0.02, 0.003)),
    ],
)
def test_pictures_of_other_lenses_are_made_straight(model: str, numbers: tuple[float, ...], tmp_path: Path) -> None:
    drawn(tmp_path, model, numbers, NAMES)
    capture = read_capture(tmp_path)
    assert worst(capture) > 38
    (tmp_path / "sparse" / "0" / "cameras.txt").write_text("1 PINHOLE 124 82 60 61 62 41\n")
    assert worst(read_capture(tmp_path)) < 25


def test_what_a_fisheye_loses_is_said_once(tmp_path: Path) -> None:
    drawn(tmp_path, "OPENCV_FISHEYE", (38.0, 38.0, 62.0, 41.0, 0.0, 0.0, 0.0, 0.0), NAMES)
    capture = read_capture(tmp_path)
    camera = capture.views[0].camera
    assert math.degrees(2 * math.atan(62 / camera.focal_x_px)) == pytest.approx(120, abs=0.01)
    share = (
        capture.views[0].camera.width / 124
    )  # Of the picture's width all is used: what is lost is beyond 60 degrees.
    assert share == 1
    found = [note for note in capture.notes if "fisheye" in note]
    assert len(found) == 1
    assert found[0].startswith("fisheye pictures are made straight, at most 120 degrees wide: ")
    lost = int(found[0].split(": ")[1].split("%")[0])
    assert 30 <= lost <= 50


@pytest.mark.parametrize(
    ("model", "pictures"),
    [
        ("sparse/0", "input"),
        ("sparse", "."),
        ("sparse/0", "photos"),
        ("distorted/sparse/0", "input"),
        ("dense/sparse", "dense/images"),
        ("dense/0/sparse", "dense/0/images"),
        ("colmap/sparse/0", "images"),
        ("colmap/sparse/0", "colmap/images"),
        (".", "images"),
        (".", "."),
    ],
)
def test_layouts_of_tools(model: str, pictures: str, tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    write_binary(tmp_path / "room" / model, content)
    write_pictures(tmp_path / "room" / pictures, content, photo)
    assert is_capture(tmp_path / "room")
    capture = read_capture(tmp_path / "room")
    assert [view.path for view in capture.views] == [tmp_path / "room" / pictures / name for name in NAMES]
    assert len(capture.points) == 5


def test_undistorted_pictures_are_not_taken_for_a_model_of_distorted_ones(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("OPENCV")
    write_binary(tmp_path / "distorted" / "sparse" / "0", content)
    write_pictures(tmp_path / "images", content, photo)
    with pytest.raises(
        SignalError, match=r"no pictures; expected those that .*distorted/sparse/0 was made from in .*input"
    ):
        read_capture(tmp_path)


def test_a_missing_picture_of_many_is_skipped_and_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    (tmp_path / "images" / "b.png").unlink()
    capture = read_capture(tmp_path)
    assert [view.name for view in capture.views] == ["a 1.png", "c.png"]
    assert capture.notes == ("1 of 3 pictures are missing: b.png: skipped",)


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["day 1/a.png", "day 1/c.png", "day 2/b.png"], ["c.png", "b.png", "a.png"]),
        (["C:\\shoot\\a.png", "C:\\shoot\\b.png", "C:\\shoot\\c.png"], ["a.PNG", "b.PNG", "c.PNG"]),
        (["/data/x/images/a.jpg", "/data/x/images/b.jpg", "/data/x/images/c.jpg"], ["a.png", "b.png", "c.png"]),
    ],
)
def test_pictures_are_paired_by_name_wherever_they_lie(names: list[str], files: list[str], tmp_path: Path) -> None:
    drawn(tmp_path, "PINHOLE", (60.0, 61.0, 62.0, 41.0), ["a.png", "b.png", "c.png"])
    pictures = {path.stem: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    by_stem = {name.replace("\\", "/").split("/")[-1].split(".")[0]: name for name in names}
    text = (tmp_path / "sparse" / "0" / "images.txt").read_text()
    for stem, name in by_stem.items():
        text = text.replace(f" {stem}.png\n", f" {name}\n")
    (tmp_path / "sparse" / "0" / "images.txt").write_text(text)
    for path in list((tmp_path / "images").iterdir()):
        path.unlink()
    for file in files:
        (tmp_path / "images" / file).write_bytes(pictures[file.split(".")[0]])
    capture = read_capture(tmp_path)
    assert len(capture) == 3
    assert worst(capture) > 60
    assert any("found by the end of their names" in note for note in capture.notes)


def test_renamed_pictures_are_refused_not_guessed(tmp_path: Path) -> None:
    drawn(tmp_path, "PINHOLE", (60.0, 61.0, 62.0, 41.0), NAMES)
    for number, name in enumerate(reversed(NAMES)):
        (tmp_path / "images" / name).rename(tmp_path / "images" / f"{number:04d}.png")
    with pytest.raises(SignalError, match=r"3 of 3 pictures are missing: a 1\.png, .*looked in .*images"):
        read_capture(tmp_path)


def test_listed_names_are_held_out(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    path = tmp_path / "sparse" / "0" / "test.txt"
    path.write_text("c.png\nb\n\n")
    capture = read_capture(tmp_path)
    assert (capture.train, capture.test) == ((0,), (1, 2))
    (tmp_path / "images" / "b.png").unlink()
    assert read_capture(tmp_path).test == (1,)
    path.write_text("")
    assert read_capture(tmp_path).test == (0,)
    path.write_text("z.png\n")
    with pytest.raises(SignalError, match=r"test\.txt: 1 of 1 names are not in the model: z\.png; expected names of"):
        read_capture(tmp_path)


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("size", [(124, 82), (82, 82)])
def test_exif_is_applied_where_the_size_of_the_camera_asks_for_it(
    orientation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    width, height = size
    drawn(tmp_path, "PINHOLE", (60.0, 61.0, width / 2, 41.0), NAMES, width=width, height=height)
    exif = Image.Exif()
    exif[274] = orientation
    with Image.open(tmp_path / "images" / "b.png") as image:
        image.save(tmp_path / "images" / "b.png", exif=exif)
    capture = read_capture(tmp_path)
    # As COLMAP saw them: it does not look at EXIF.
    assert worst(capture) > 60
    told = f"1 of 3 pictures have an EXIF orientation (b.png: {orientation}) that the size of their cameras does not"
    assert any(note.startswith(told) for note in capture.notes) == (orientation == 3 or width == height)


def test_colmap_does_not_look_at_exif(tmp_path: Path, photo: np.ndarray) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(photo).save(tmp_path / "a.png", exif=exif)
    assert pycolmap.Bitmap.read(tmp_path / "a.png", True).to_array().shape == photo.shape


def test_pictures_of_openexr_are_read(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    drawn(tmp_path, "PINHOLE", (60.0, 61.0, 62.0, 41.0), NAMES)
    with Image.open(tmp_path / "images" / "b.png") as image:
        coded = np.asarray(image).astype(np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    with av.open(str(tmp_path / "images" / "b.exr"), "w", format="image2") as container:
        stream = container.add_stream("exr", rate=1)
        stream.width, stream.height, stream.pix_fmt = 124, 82, "gbrpf32le"
        frame = av.VideoFrame(124, 82, "gbrpf32le")
        for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
            rows = np.zeros((82, plane.line_size // 4), np.float32)
            rows[:, :124] = linear[..., channel]
            plane.update(rows.tobytes())
        container.mux([*stream.encode(frame), *stream.encode()])
    (tmp_path / "images" / "b.png").unlink()
    capture = read_capture(tmp_path)
    assert capture.views[1].path.suffix == ".exr"
    assert worst(capture) > 45


def test_pictures_of_heic_are_read(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    drawn(tmp_path, "PINHOLE", (60.0, 61.0, 62.0, 41.0), NAMES)
    pillow_heif.register_heif_opener()
    with Image.open(tmp_path / "images" / "b.png") as image:
        image.save(tmp_path / "images" / "b.HEIC", format="HEIF", quality=90)
    (tmp_path / "images" / "b.png").unlink()
    capture = read_capture(tmp_path)
    assert capture.views[1].path.suffix == ".HEIC"
    assert worst(capture) > 30


def test_smaller_copies_that_lack_pictures_are_not_paired_by_order(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    half = replace(written("PINHOLE"), width=24, height=16)
    write_pictures(tmp_path / "images_2", half, photo)
    for number, name in enumerate(NAMES[:2]):
        (tmp_path / "images_2" / name).rename(tmp_path / "images_2" / f"image{number}.png")
    (tmp_path / "images_2" / "c.png").unlink()
    capture = read_capture(tmp_path, scale=0.5)
    assert {view.path.parent.name for view in capture.views} == {"images"}
    assert capture.pixels(0).shape == (16, 24, 3)
