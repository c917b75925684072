# SPDX-License-Identifier: Apache-2.0
"""Names of cameras and the poses beside them enter; a lens and a pose for each name leave.

Poses are those of one frame: cameras stand still. A COLMAP model or transforms.json says which pose is whose by the
path of a picture: by a folder in it (cam00/000000.png), else by its name (cam00.png). In poses_bounds.npy their order
is that of the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float64

from lamina.data.captures import llff, transforms
from lamina.data.captures.colmap_folder import find_model, read_model
from lamina.data.captures.lens import Lens
from lamina.data.captures.photographs import fit_lens
from lamina.data.captures.picture_files import PictureSize
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.transforms_lens import lens_of_fields, merged
from lamina.data.folder import natural_key
from lamina.errors import SignalError

LensFor = Callable[[PictureSize, str], tuple[Lens, int]]
"""Size of a picture in its file, its place for messages -> the lens at that size, and the orientation to apply."""

STILL_RADIANS = 0.01
STILL_SHARE = 0.01
"""How far poses of one camera in several frames may turn, and move, in shares of the rig's size: reconstructions of a
still camera differ a little."""

SHOWN_NAMES = 3


@dataclass(frozen=True, eq=False)
class Placed:
    """A camera where some file says that it stands."""

    path: str
    """Of its picture, as the file has it."""
    lens_for: LensFor
    camera_from_world: Float64[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class Poses:
    """What one kind of file says of a rig."""

    place: Path
    placed: tuple[Placed, ...]
    points: PointCloud
    held_out: tuple[str, ...] = ()
    """Paths of the pictures that are kept from fits, where the files say."""
    in_order: bool = False
    """Poses belong to cameras by order, not by name."""
    depth_bounds: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Rig:
    """Poses that belong to cameras."""

    cameras: dict[str, Placed]
    poses: Poses
    split: tuple[tuple[str, ...], tuple[str, ...]] | None
    """Names of the cameras to fit to and of those held out, where the files say."""

    def numbered_split(self, names: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The split in numbers of views that have these names in order."""
        if self.split is None:
            return None
        train, test = (tuple(number for number, name in enumerate(names) if name in part) for part in self.split)
        return train, test


def has_poses(root: Path) -> bool:
    """Whether any file that `read_rig` reads is there."""
    return (
        find_model(root) is not None or transforms.has_transforms(root) or (root / llff.FILE_NAME).is_file()
    )  # fmt: skip


def may_be_rig(root: Path, names: Sequence[str]) -> bool:
    """Whether poses there are of these cameras, standing still: at least two of them, each with one pose."""
    try:
        for read in _sources(root):
            poses = read(root)
            if poses.in_order:
                return len(poses.placed) == len(names)
            found = _by_name(poses, names)
            if sum(bool(placed) for placed in found.values()) >= 2:
                return all(_moved(placed, _size(poses)) is None for placed in found.values())
    except SignalError:
        return False
    return False


def read_rig(root: Path, names: Sequence[str]) -> Rig:
    """A pose for each of the names, from the first file there that knows any of them.

    Raises:
        SignalError: the files are damaged, a camera is known in one of the two places only, or it moves.
    """
    read = [source(root) for source in _sources(root)]
    if not read:
        raise SignalError(f"{root}: no poses; expected a COLMAP model, transforms.json or poses_bounds.npy")
    poses = next((poses for poses in read if poses.in_order or any(_by_name(poses, names).values())), read[0])
    if poses.in_order:
        ordered = sorted(names, key=natural_key)
        if len(poses.placed) != len(ordered):
            raise SignalError(
                f"{poses.place}: {len(poses.placed)} poses, but there are {len(ordered)} cameras: {_shown(ordered)}; "
                f"expected one for each, in the order of their names"
            )
        return Rig(dict(zip(ordered, poses.placed, strict=True)), poses, None)
    found = _by_name(poses, names)
    _check_both(root, poses, found)
    for name, placed in found.items():
        moved = _moved(placed, _size(poses))
        if moved is not None:
            raise SignalError(
                f"{poses.place}: camera {name} is at another place in {moved.path} than in {placed[0].path}; expected "
                f"cameras that stand still"
            )
    cameras = {name: placed[0] for name, placed in found.items()}
    test = tuple(name for name, placed in cameras.items() if placed.path in poses.held_out)
    train = tuple(name for name in cameras if name not in test)
    return Rig(cameras, poses, (train, test) if test else None)


def _check_both(root: Path, poses: Poses, found: dict[str, list[Placed]]) -> None:
    """Refuse cameras that only have pictures, or only a pose."""
    without = [name for name, placed in found.items() if not placed]
    if without:
        raise SignalError(
            f"{root}: {len(without)} of {len(found)} cameras have no pose in {poses.place}: {_shown(without)}; "
            f"expected a pose for each (such as of {poses.placed[0].path}): reconstruct with them, or move them away"
        )
    known = {placed.path for several in found.values() for placed in several}
    alone = [placed.path for placed in poses.placed if placed.path not in known]
    if alone:
        raise SignalError(
            f"{poses.place}: {len(alone)} of {len(poses.placed)} poses are of no camera in {root}: {_shown(alone)}; "
            f"expected a folder with pictures or a video for each, called so"
        )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "")


def _by_name(poses: Poses, names: Sequence[str]) -> dict[str, list[Placed]]:
    """For each name the cameras whose path has it."""
    found: dict[str, list[Placed]] = {name: [] for name in names}
    for placed in poses.placed:
        path = PurePosixPath(placed.path)
        # Folders first: in a folder a camera the names of pictures are frames. "cam.0" has a suffix that is none.
        candidates = (*reversed(path.parent.parts), path.name, path.stem)
        name = next((candidate for candidate in candidates if candidate in found), None)
        if name is not None:
            found[name].append(placed)
    return found


def _size(poses: Poses) -> float:
    """How far the cameras stand from their middle, at most."""
    places = np.stack([np.linalg.inv(placed.camera_from_world)[:3, 3] for placed in poses.placed])
    return float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())


def _moved(placed: list[Placed], size: float) -> Placed | None:
    """The first pose of a camera that is not its first one."""
    for other in placed[1:]:
        motion = other.camera_from_world @ np.linalg.inv(placed[0].camera_from_world)
        turned = np.abs(motion[:3, :3] - np.eye(3)).max() > STILL_RADIANS
        if turned or np.linalg.norm(motion[:3, 3]) > STILL_SHARE * size:
            return other
    return None


def _sources(root: Path) -> list[Callable[[Path], Poses]]:
    """Readers of what is there; COLMAP first, since it knows distortion and points."""
    sources: list[Callable[[Path], Poses]] = []
    if find_model(root) is not None:
        sources.append(_from_colmap)
    if transforms.has_transforms(root):
        sources.append(_from_transforms)
    if (root / llff.FILE_NAME).is_file():
        sources.append(_from_llff)
    return sources


def _from_colmap(root: Path) -> Poses:
    folder = find_model(root)
    assert folder is not None
    model = read_model(folder)
    if not model.images:
        raise SignalError(f"{folder}: the model has no registered images; reconstruct again")
    placed = (
        Placed(
            image.name.replace("\\", "/"), partial(fit_lens, model.cameras[image.camera_id]), image.camera_from_world
        )
        for image in model.images
    )
    return Poses(folder, tuple(placed), model.points)


def _from_transforms(root: Path) -> Poses:
    """Of transforms.json, or of the files of a split."""
    whole = transforms.whole_file(root)
    held = next((name for name in transforms.HELD_OUT if (root / name).is_file()), None)
    paths = [root / transforms.TRAIN, *([root / held] if held else [])] if whole is None else [whole]
    placed: list[Placed] = []
    held_out: list[str] = []
    read = [transforms.read_fields(path) for path in paths]
    for path, fields in zip(paths, read, strict=True):
        for number, frame in enumerate(fields["frames"]):
            place = f"{path}: frame {number}"
            if not transforms.has_pose(frame):
                continue
            name = transforms.clean_name(frame["file_path"])
            pose = transforms.pose_of_matrix(frame.get("transform_matrix"), place)
            placed.append(Placed(name, partial(lens_of_fields, merged(fields, frame, place)), pose))
            held_out += [name] if path is not paths[0] else []
        listed = fields.get("test_filenames") or fields.get("val_filenames") or []
        held_out += [transforms.clean_name(name) for name in listed if isinstance(name, str)]
    if not placed:
        raise SignalError(f"{paths[0]}: no frames; expected one for each camera")
    return Poses(paths[0], tuple(placed), transforms.named_points(read[0], root), tuple(held_out))


def _from_llff(root: Path) -> Poses:
    path = root / llff.FILE_NAME
    rows = llff.read_rows(path)
    placed: list[Placed] = []
    for number, row in enumerate(rows):
        place = f"{path}: row {number}"
        lens = llff.lens_of_row(row, place)
        placed.append(Placed(f"row {number}", partial(fit_lens, lens), llff.pose_of_row(row, place)))
    if not placed:
        raise SignalError(f"{path}: no rows; expected one for each camera")
    return Poses(path, tuple(placed), llff.points_beside(root), in_order=True, depth_bounds=llff.depth_bounds_of(rows))
