# SPDX-License-Identifier: Apache-2.0
"""Exports of other tools, written by the tests from the tools' own documents: four cameras before a drawn wall."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from drawn_views import pose, seen_by

from lamina.data import write_image
from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import Lens

WIDTH, HEIGHT = 124, 82
POSES = [pose(0.4 * number, 0.1 * number, 0.1 + 0.02 * number) for number in range(4)]
OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
POINTS = np.array([[0.1, 0.2, 0.0], [-0.3, 0.4, 0.0]])
PINHOLE = Lens(WIDTH, HEIGHT, 70.0, 71.0, 61.0, 42.0)
BROWN = Lens(WIDTH, HEIGHT, 70.0, 71.0, 61.0, 42.0, Distortion((-0.08, 0.02, 0.005, 0.0), (0.004, -0.003)))
RADIAL = Lens(WIDTH, HEIGHT, 70.0, 70.0, 62.0, 41.0, Distortion((-0.08, 0.02, 0.0, 0.0)))
FISHEYE = Lens(WIDTH, HEIGHT, 60.0, 60.0, 62.0, 41.0, Distortion((0.02, -0.01, 0.0, 0.0), projection="angle"))
FISHEYE_4 = Lens(WIDTH, HEIGHT, 60, 61, 61, 42, Distortion((0.02, -0.01, 0.002, 0.001), projection="angle"))


def write_pictures(folder: Path, lens: Lens, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, motion in zip(names, POSES, strict=True):
        write_image(folder / name, seen_by(lens, motion))


def quaternion_of(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """w, x, y, z; of rotations under half a turn."""
    w = 0.5 * np.sqrt(1.0 + np.trace(rotation))
    x, y, z = (rotation[b, a] - rotation[a, b] for a, b in ((1, 2), (2, 0), (0, 1)))
    return float(w), float(x / (4 * w)), float(y / (4 * w)), float(z / (4 * w))


def write_polycam(folder: Path, corrected: bool = True) -> Path:
    prefix = "corrected_" if corrected else ""
    cameras = folder / "keyframes" / f"{prefix}cameras"
    cameras.mkdir(parents=True, exist_ok=True)
    write_pictures(folder / "keyframes" / f"{prefix}images", PINHOLE, [f"10{n}.png" for n in range(4)])
    for number, motion in enumerate(POSES):
        matrix = np.linalg.inv(motion) @ OPENGL_AXES
        fields = {"fx": 70.0, "fy": 71.0, "cx": 61.0, "cy": 42.0, "width": WIDTH, "height": HEIGHT, "blur_score": 99.0}
        fields |= {f"t_{row}{column}": float(matrix[row, column]) for row in range(3) for column in range(4)}
        (cameras / f"10{number}.json").write_text(json.dumps(fields))
    return cameras / "100.json"


def write_record3d(folder: Path) -> Path:
    write_pictures(folder / "rgb", PINHOLE, [f"{n}.png" for n in range(4)])
    poses: list[list[float]] = []
    for motion in POSES:
        matrix = np.linalg.inv(motion) @ OPENGL_AXES
        # matrix = R diag(1, -1, -1), and the latter is half a turn about x: (w, x, y, z) * (0, 1, 0, 0).
        w, x, y, z = quaternion_of(matrix[:3, :3] @ OPENGL_AXES[:3, :3])
        poses.append([w, z, -y, -x, *matrix[:3, 3].tolist()])
    fields = {"w": WIDTH, "h": HEIGHT, "K": [70.0, 0, 0, 0, 71.0, 0, 61.0, 42.0, 1], "fps": 30, "poses": poses}
    (folder / "metadata.json").write_text(json.dumps(fields))
    return folder / "metadata.json"


def axis_angle_of(rotation: np.ndarray) -> list[float]:
    w, *axis = quaternion_of(rotation)
    length = float(np.linalg.norm(axis))
    return (2 * np.arctan2(length, w) / max(length, 1e-12) * np.array(axis)).tolist()


def write_opensfm(folder: Path, kind: str = "brown") -> Path:
    names = [f"IMG_{n}.png" for n in range(4)]
    lens = {"brown": BROWN, "perspective": RADIAL, "fisheye": FISHEYE, "fisheye_opencv": FISHEYE_4}[kind]
    write_pictures(folder / "images", lens, names)
    camera = {"projection_type": kind, "width": WIDTH, "height": HEIGHT}
    camera |= {f"k{power}": number for power, number in enumerate(lens.distortion.radial, start=1) if number}
    if kind in ("perspective", "fisheye"):
        camera |= {"focal": lens.focal_x_px / WIDTH}
    else:
        camera |= {"focal_x": lens.focal_x_px / WIDTH, "focal_y": lens.focal_y_px / WIDTH}
        camera |= {"c_x": -1.0 / WIDTH, "c_y": 1.0 / WIDTH}
        camera |= dict(zip(("p1", "p2"), lens.distortion.tangential, strict=True))
    shots = {
        name: {"camera": "a", "rotation": axis_angle_of(motion[:3, :3]), "translation": motion[:3, 3].tolist()}
        for name, motion in zip(names, POSES, strict=True)
    }
    points = {str(n): {"coordinates": row.tolist(), "color": [10.0, 20, 30]} for n, row in enumerate(POINTS)}
    part = {"cameras": {"a": camera}, "shots": shots, "points": points}
    (folder / "reconstruction.json").write_text(json.dumps([part, {"cameras": {}, "shots": {}}]))
    return folder / "reconstruction.json"


def write_bundler(folder: Path) -> Path:
    names = [f"images/IMG_{n}.png" for n in range(4)]
    write_pictures(folder / "images", RADIAL, [name.removeprefix("images/") for name in names])
    k1, k2, *_ = RADIAL.distortion.radial
    lines = ["# Bundle file v0.3", f"5 {len(POINTS)}"]
    for motion in POSES:
        theirs = OPENGL_AXES @ motion
        lines.append(f"{RADIAL.focal_x_px} {k1} {k2}")
        lines += [" ".join(repr(float(value)) for value in row) for row in theirs[:3, :3]]
        lines.append(" ".join(repr(float(value)) for value in theirs[:3, 3]))
    # A camera that was not placed.
    lines += ["0 0 0"] * 5
    for row in POINTS:
        lines += [" ".join(repr(float(value)) for value in row), "10 20 30", "2 0 11 1.5 -2.5 1 12 3.5 4.5"]
    (folder / "bundle.out").write_text("\n".join(lines) + "\n")
    (folder / "list.txt").write_text("".join(f"{name} 0 70.0\n" for name in names) + "images/lost one.png\n")
    return folder / "bundle.out"


def write_metashape(folder: Path, kind: str = "frame") -> Path:
    lens = BROWN if kind == "frame" else FISHEYE_4
    write_pictures(folder / "images", lens, [f"DSC{n}.png" for n in range(4)])
    (p1, p2), radial = lens.distortion.tangential, lens.distortion.radial
    numbers = {"f": lens.focal_y_px, "cx": -1.0, "cy": 1.0, "b1": lens.focal_x_px - lens.focal_y_px, "b2": 0.01}
    numbers |= {f"k{power}": number for power, number in enumerate(radial, start=1)} | {"p1": p2, "p2": p1}
    resolution = f'<resolution width="{WIDTH}" height="{HEIGHT}"/>'
    calibration = "".join(f"<{name}>{number!r}</{name}>" for name, number in numbers.items())
    cameras = ""
    for number, motion in enumerate(POSES):
        matrix = " ".join(repr(float(value)) for value in np.linalg.inv(motion).reshape(-1))
        cameras += f'<camera id="{number}" sensor_id="0" component_id="0" label="DSC{number}" enabled="true">'
        cameras += f"<transform>{matrix}</transform></camera>"
    cameras += '<camera id="9" sensor_id="0" label="DSC9"/>'
    (folder / "cameras.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<document version="2.0.0"><chunk label="Chunk 1"><sensors>'
        f'<sensor id="0" label="a" type="{kind}">{resolution}<calibration type="{kind}" class="initial"><f>9</f>'
        f'</calibration><calibration type="{kind}" class="adjusted">{resolution}{calibration}</calibration></sensor>'
        f'</sensors><cameras><group id="0">{cameras}</group></cameras></chunk></document>'
    )
    return folder / "cameras.xml"


def write_transforms(folder: Path) -> Path:
    names = [f"images/IMG_{n}.png" for n in range(4)]
    write_pictures(folder / "images", FISHEYE_4, [name.removeprefix("images/") for name in names])
    frames = [
        {"file_path": name, "transform_matrix": (np.linalg.inv(motion) @ OPENGL_AXES).tolist()}
        for name, motion in zip(names, POSES, strict=True)
    ]
    numbers = {f"k{power}": number for power, number in enumerate(FISHEYE_4.distortion.radial, start=1)}
    fields = {"w": WIDTH, "h": HEIGHT, "fl_x": 60, "fl_y": 61, "cx": 61, "cy": 42, "is_fisheye": True} | numbers
    (folder / "transforms.json").write_text(json.dumps(fields | {"frames": frames, "test_filenames": names[:1]}))
    return folder / "transforms.json"


def write_colmap(folder: Path, changed: str = "cameras.txt") -> Path:
    names = [f"IMG_{n}.png" for n in range(4)]
    write_pictures(folder / "images", FISHEYE_4, names)
    model = folder / "sparse" / "0"
    model.mkdir(parents=True, exist_ok=True)
    numbers = " ".join(str(number) for number in (60, 61, 61, 42, 0.02, -0.01, 0, 0, 0.002, 0.001, 0, 0))
    (model / "cameras.txt").write_text(f"1 THIN_PRISM_FISHEYE {WIDTH} {HEIGHT} {numbers}\n")
    lines: list[str] = []
    for number, (name, motion) in enumerate(zip(names, POSES, strict=True), start=1):
        values = " ".join(repr(value) for value in (*quaternion_of(motion[:3, :3]), *motion[:3, 3].tolist()))
        lines += [f"{number} {values} 1 {name}", "1.0 2.0 1 3.0 4.0 -1"]
    (model / "images.txt").write_text("\n".join(lines) + "\n")
    (model / "points3D.txt").write_text("1 0.1 0.2 0.0 10 20 30 0.5 1 0\n2 -0.3 0.4 0.0 10 20 30 0.5 1 1\n")
    (model / "test.txt").write_text("IMG_1.png\n")
    return model / changed


WRITERS: dict[str, Callable[[Path], Path]] = {
    "polycam": write_polycam,
    "polycam, not corrected": lambda folder: write_polycam(folder, corrected=False),
    "record3d": write_record3d,
    "opensfm": write_opensfm,
    "opensfm, perspective": lambda folder: write_opensfm(folder, "perspective"),
    "opensfm, fisheye": lambda folder: write_opensfm(folder, "fisheye"),
    "opensfm, fisheye_opencv": lambda folder: write_opensfm(folder, "fisheye_opencv"),
    "bundler": write_bundler,
    "metashape": write_metashape,
    "metashape, fisheye": lambda folder: write_metashape(folder, "fisheye"),
}
"""Each writes a folder and returns the file that has the cameras, or one of them."""

MUTATED = WRITERS | {
    "transforms": write_transforms,
    "colmap, cameras": write_colmap,
    "colmap, images": lambda folder: write_colmap(folder, "images.txt"),
    "colmap, points": lambda folder: write_colmap(folder, "points3D.txt"),
    "colmap, split": lambda folder: write_colmap(folder, "test.txt"),
}
"""With the formats that have tests of their own."""
