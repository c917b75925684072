# SPDX-License-Identifier: Apache-2.0
"""A ring of cameras around colored balls, one of which moves, drawn here and written in every layout that is read.

Nothing is shared with the readers: poses are written by each format's own rules, from look-at matrices made here.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lamina.data import ClipWriter

WIDTH, HEIGHT, FOCAL = 96, 64, 90.0
CENTER = (47.0, 33.5)
"""From the upper left corner of the picture; not its middle."""
BALLS = np.array([[0.4, 0.1, 0.0], [-0.5, 0.2, 0.3], [0.1, -0.4, -0.4], [-0.2, 0.35, -0.5]])
COLORS = np.array([[220, 40, 40], [40, 200, 60], [60, 80, 230], [230, 210, 50]], np.uint8)
MOVER_COLOR = np.array([240, 240, 240], np.uint8)
RADIUS, WALL = 0.12, (26, 30, 34)
NAMES = ("cam00", "cam01", "cam02", "cam03", "cam10")


@dataclass(frozen=True)
class Stand:
    """A camera of the ring."""

    name: str
    camera_from_world: np.ndarray

    def seen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels from the corner, and depths."""
        local = points @ self.camera_from_world[:3, :3].T + self.camera_from_world[:3, 3]
        return local[:, :2] / local[:, 2:] * FOCAL + CENTER, local[:, 2]


def ring(names: Sequence[str] = NAMES) -> list[Stand]:
    """Cameras on an arc of 150 degrees, at different heights, that look at the middle."""
    stands = []
    for number, name in enumerate(names):
        angle = math.radians(-75 + 150 * number / (len(names) - 1))
        place = np.array([3 * math.sin(angle), -0.6 + 0.3 * number, -3 * math.cos(angle)])
        forward = -place / np.linalg.norm(place)
        right = np.cross(np.array([0.0, 1.0, 0.0]), forward)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, -rotation @ place
        stands.append(Stand(name, pose))
    return stands


def mover(frame: int) -> np.ndarray:
    """Where the white ball is."""
    return np.array([-0.6 + 0.15 * frame, 0.5 * math.sin(frame), 0.1])


def drawn(stand: Stand, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees, and where the white ball is seen: uint8 (h, w, 3), bool (h, w)."""
    places = np.concatenate([BALLS, mover(frame)[None]])
    colors = np.concatenate([COLORS, MOVER_COLOR[None]])
    centers, depths = stand.seen(places)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    pixels = np.tile(np.array(WALL, np.float64), (HEIGHT, WIDTH, 1))
    pixels += (rows / 2)[..., None]
    owner = np.full((HEIGHT, WIDTH), -1)
    for number in np.argsort(-depths):
        inside = np.hypot(columns - centers[number, 0], rows - centers[number, 1]) < RADIUS * FOCAL / depths[number]
        pixels[inside], owner[inside] = colors[number], number
    return np.rint(pixels).astype(np.uint8), owner == len(BALLS)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_folders(root: Path, frames: Sequence[int], above: str = "", suffix: str = ".png", first: int = 0) -> Path:
    """A folder a camera, pictures numbered from `first` on."""
    for stand in ring():
        for frame in frames:
            save(root / above / stand.name / f"{first + frame:06d}{suffix}", drawn(stand, frame)[0])
    return root


def write_frame_folders(root: Path, frames: Sequence[int]) -> Path:
    """frame000000/images/cam00.png, ..., and the model in the first."""
    for frame in frames:
        for stand in ring():
            save(root / f"frame{frame:06d}" / "images" / f"{stand.name}.png", drawn(stand, frame)[0])
    write_colmap(root / f"frame{frames[0]:06d}" / "sparse" / "0", [f"{name}.png" for name in NAMES])
    return root


def write_videos(root: Path, frame_count: int, rate: float = 30) -> Path:
    """cam00.mp4, ..., lossless."""
    root.mkdir(parents=True, exist_ok=True)
    for stand in ring():
        write_video(root / f"{stand.name}.mp4", [drawn(stand, frame)[0] for frame in range(frame_count)], rate)
    return root


def write_video(path: Path, frames: Sequence[np.ndarray], rate: float = 30) -> None:
    with ClipWriter(path, frames[0].shape[1], frames[0].shape[0], rate, lossless=True) as writer:
        for frame in frames:
            writer.write(frame)


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """(w, x, y, z), from the axis and angle of the rotation."""
    angle = math.acos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    skew = rotation - rotation.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
    axis = axis / np.linalg.norm(axis) if np.linalg.norm(axis) > 1e-12 else np.array([0.0, 1.0, 0.0])
    return np.array([math.cos(angle / 2), *(math.sin(angle / 2) * axis)])


def write_colmap(folder: Path, paths: Sequence[str], model: str | None = None) -> None:
    """A model in text of the ring's cameras, with the balls as points."""
    folder.mkdir(parents=True, exist_ok=True)
    lens = model or f"PINHOLE {WIDTH} {HEIGHT} {FOCAL} {FOCAL} {CENTER[0]} {CENTER[1]}"
    (folder / "cameras.txt").write_text(f"1 {lens}\n")
    lines = []
    for number, (stand, path) in enumerate(zip(ring(), paths, strict=False), start=1):
        motion = (*quaternion(stand.camera_from_world[:3, :3]), *stand.camera_from_world[:3, 3])
        lines += [f"{number} {' '.join(repr(float(value)) for value in motion)} 1 {path}", ""]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    points = [
        f"{number} {' '.join(map(repr, place))} {' '.join(map(str, color))} 0.5 1 0 2 0"
        for number, (place, color) in enumerate(zip(BALLS.tolist(), COLORS.tolist(), strict=True), start=1)
    ]
    (folder / "points3D.txt").write_text("\n".join(points) + "\n")


def write_transforms(root: Path, paths: Sequence[str], **more: object) -> None:
    """transforms.json in Blender's axes."""
    frames = []
    for stand, path in zip(ring(), paths, strict=True):
        pose = np.linalg.inv(stand.camera_from_world) @ np.diag([1.0, -1.0, -1.0, 1.0])
        frames.append({"file_path": path, "transform_matrix": pose.tolist()})
    fields = {"fl_x": FOCAL, "fl_y": FOCAL, "cx": CENTER[0], "cy": CENTER[1], "w": WIDTH, "h": HEIGHT, "frames": frames}
    (root / "transforms.json").write_text(json.dumps(fields | more))


def write_poses_bounds(root: Path, count: int = len(NAMES)) -> None:
    """LLFF's rows: down, right, back, position, (height, width, focal); the middle is the principal point."""
    rows = []
    for stand in ring()[:count]:
        pose = np.linalg.inv(stand.camera_from_world)
        right, down, forward, place = pose[:3].T
        matrix = np.stack([down, right, -forward, place, (HEIGHT, WIDTH, FOCAL)], axis=1)
        rows.append([*matrix.reshape(-1), 2.0, 6.0])
    np.save(root / "poses_bounds.npy", np.array(rows))


def write_panoptic(root: Path, frames: Sequence[int], masks: bool = True, test: Sequence[str] = ("10",)) -> Path:
    """Meta files and JPEG pictures, masks of the training cameras; centres of pixels are whole numbers there."""
    stands = dict(zip(("0", "1", "2", "3", "10"), ring(), strict=True))
    matrix = [[FOCAL, 0, CENTER[0] - 0.5], [0, FOCAL, CENTER[1] - 0.5], [0, 0, 1]]
    for name, stand in stands.items():
        for frame in frames:
            pixels, moving = drawn(stand, frame)
            path = root / "ims" / name / f"{frame:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=95, subsampling=0)
            if masks and name not in test:
                save(root / "seg" / name / f"{frame:06d}.png", moving.astype(np.uint8) * 255)
    for split in ("train", "test"):
        chosen = [name for name in stands if (name in test) == (split == "test")]
        fields = {
            "w": WIDTH,
            "h": HEIGHT,
            "k": [[matrix for _ in chosen] for _ in frames],
            "w2c": [[stands[name].camera_from_world.tolist() for name in chosen] for _ in frames],
            "fn": [[f"{name}/{frame:06d}.jpg" for name in chosen] for frame in frames],
            "cam_id": [[int(name) for name in chosen] for _ in frames],
        }
        (root / f"{split}_meta.json").write_text(json.dumps(fields))
    return root
