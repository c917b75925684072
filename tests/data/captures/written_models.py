# SPDX-License-Identifier: Apache-2.0
"""COLMAP models of three cameras, written by the tests byte by byte, independently of the readers."""

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lamina.data import write_image

NUMBERS = {"SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "RADIAL": 3, "OPENCV": 4, "DIVISION": 13}
PARAMETERS = {
    "SIMPLE_PINHOLE": (50.0, 24.5, 15.5),
    "PINHOLE": (50.0, 52.0, 24.5, 15.5),
    "SIMPLE_RADIAL": (50.0, 24.5, 15.5, -0.1),
    "RADIAL": (50.0, 24.5, 15.5, -0.1, 0.05),
    "OPENCV": (50.0, 52.0, 24.5, 15.5, -0.1, 0.05, 0.004, -0.003),
    "DIVISION": (50.0, 52.0, 24.5, 15.5, 0.1),
}
"""Of pictures of 48x32."""


@dataclass
class WrittenImage:
    name: str
    quaternion: tuple[float, float, float, float]
    translation: tuple[float, float, float]
    camera_id: int = 1


@dataclass
class Written:
    """What is in a model, in plain numbers."""

    model: str = "OPENCV"
    parameters: tuple[float, ...] = PARAMETERS["OPENCV"]
    width: int = 48
    height: int = 32
    images: list[WrittenImage] = field(
        default_factory=lambda: [
            WrittenImage("b.png", (math.cos(0.1), 0.0, math.sin(0.1), 0.0), (0.1, -0.2, 3.0)),
            WrittenImage("a 1.png", (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 3.0)),
            WrittenImage("c.png", (2.0 * math.cos(-0.2), 2.0 * math.sin(-0.2), 0.0, 0.0), (0.3, 0.2, 3.5)),
        ]
    )
    points: np.ndarray = field(default_factory=lambda: np.random.default_rng(7).uniform(-0.5, 0.5, (5, 3)))
    colors: np.ndarray = field(default_factory=lambda: np.arange(15, dtype=np.uint8).reshape(5, 3) * 17)


def written(model: str) -> Written:
    return Written(model, PARAMETERS[model])


def rotation(quaternion: tuple[float, ...]) -> np.ndarray:
    """Rotation matrix by Rodrigues' formula, so that nothing is shared with the reader's."""
    q = np.array(quaternion) / np.linalg.norm(quaternion)
    half = math.atan2(float(np.linalg.norm(q[1:])), q[0])
    if half == 0:
        return np.eye(3)
    x, y, z = q[1:] / np.linalg.norm(q[1:])
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(2 * half) * cross + (1 - math.cos(2 * half)) * cross @ cross


def keypoints(content: Written, image: WrittenImage) -> np.ndarray:
    """Where each point is in the picture as taken, by the formulas of COLMAP's documentation."""
    seen = content.points @ rotation(image.quaternion).T + image.translation
    x, y = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    p = content.parameters
    if content.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
        fx, fy, cx, cy, rest = p[0], p[0], p[1], p[2], p[3:]
    else:
        fx, fy, cx, cy, rest = p[0], p[1], p[2], p[3], p[4:]
    k1, k2, p1, p2 = (*rest, 0.0, 0.0, 0.0, 0.0)[:4]
    square = x**2 + y**2
    dx = x * (k1 * square + k2 * square**2) + 2 * p1 * x * y + p2 * (square + 2 * x**2)
    dy = y * (k1 * square + k2 * square**2) + 2 * p2 * x * y + p1 * (square + 2 * y**2)
    return np.stack([fx * (x + dx) + cx, fy * (y + dy) + cy], axis=1)


def write_pictures(folder: Path, content: Written, photo: np.ndarray) -> None:
    """Crops of a photograph, one an image."""
    for number, image in enumerate(content.images):
        path = folder / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        left = 8 * number
        write_image(path, np.ascontiguousarray(photo[: content.height, left : left + content.width]))


def write_binary(folder: Path, content: Written) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    camera = struct.pack("<QIiQQ", 1, 1, NUMBERS[content.model], content.width, content.height)
    numbers = struct.pack(f"<{len(content.parameters)}d", *content.parameters)
    (folder / "cameras.bin").write_bytes(camera + numbers)
    images = struct.pack("<Q", len(content.images))
    for number, image in enumerate(content.images, start=1):
        images += struct.pack("<I4d3dI", number, *image.quaternion, *image.translation, image.camera_id)
        images += image.name.encode() + b"\0"
        found = keypoints(content, image)
        images += struct.pack("<Q", len(found) + 1)
        for point, (x, y) in enumerate(found):
            images += struct.pack("<ddq", x, y, 10 + point)
        images += struct.pack("<ddq", 1.0, 2.0, -1)
    (folder / "images.bin").write_bytes(images)
    points = struct.pack("<Q", len(content.points))
    for number, (position, color) in enumerate(zip(content.points, content.colors, strict=True)):
        points += struct.pack("<Q3d3BdQ", 10 + number, *position, *color.tolist(), 0.5, 2)
        points += struct.pack("<IIII", 1, number, 2, number)
    (folder / "points3D.bin").write_bytes(points)


def write_text(folder: Path, content: Written) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    numbers = " ".join(repr(float(number)) for number in content.parameters)
    head = "# Camera list with one line of data per camera:\n"
    (folder / "cameras.txt").write_text(f"{head}1 {content.model} {content.width} {content.height} {numbers}\n")
    lines = ["# Image list with two lines of data per image:"]
    for number, image in enumerate(content.images, start=1):
        pose = " ".join(repr(float(value)) for value in (*image.quaternion, *image.translation))
        lines.append(f"{number} {pose} {image.camera_id} {image.name}")
        found = keypoints(content, image)
        lines.append(" ".join(f"{x!r} {y!r} {10 + i}" for i, (x, y) in enumerate(found.tolist())) + " 1.0 2.0 -1")
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    lines = ["# 3D point list"]
    for number, (position, color) in enumerate(zip(content.points.tolist(), content.colors.tolist(), strict=True)):
        numbers = " ".join(repr(value) for value in (*position, *color))
        lines.append(f"{10 + number} {numbers} 0.5 1 {number} 2 {number}")
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")


def write_capture(folder: Path, content: Written, photo: np.ndarray, text: bool = False) -> Path:
    """A folder as COLMAP's users have it: images and sparse/0."""
    write_pictures(folder / "images", content, photo)
    (write_text if text else write_binary)(folder / "sparse" / "0", content)
    return folder
