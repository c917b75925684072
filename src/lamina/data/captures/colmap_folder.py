# SPDX-License-Identifier: Apache-2.0
"""A folder with a COLMAP model and its pictures enters: ``sparse/0`` or ``sparse``, ``images`` or ``images_2``, ..."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from lamina.data.captures import colmap_binary, colmap_text
from lamina.data.captures.colmap import ColmapModel, RegisteredImage
from lamina.data.captures.photographs import Photograph, fit_lens, picture_files, picture_size
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, read_ply_points
from lamina.data.captures.source import Source
from lamina.errors import SignalError

MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", "")
"""Where tools put a model, in the order in which it is looked for; the last is the folder itself."""

SUFFIXES = (".bin", ".txt")
"""Binary first: text is exported from it."""

POINT_SUFFIXES = (*SUFFIXES, ".ply")

SHOWN_NAMES = 3
"""So many missing pictures are named in an error."""


def find_model(folder: Path, parts: tuple[str, ...] = ("cameras", "images")) -> Path | None:
    """The folder that holds a model's files, binary or text; None where there is none."""
    for name in MODEL_FOLDERS:
        if any(all((folder / name / f"{part}{suffix}").is_file() for part in parts) for suffix in SUFFIXES):
            return folder / name
    return None


def missing_part(folder: Path) -> Path | None:
    """The file that a model lacks of which the other half is there; None where a model is whole, or there is none."""
    if find_model(folder) is not None:
        return None
    for there, missing in (("cameras", "images"), ("images", "cameras")):
        half = find_model(folder, (there,))
        if half is not None and half != folder:
            suffix = next(suffix for suffix in SUFFIXES if (half / f"{there}{suffix}").is_file())
            return half / f"{missing}{suffix}"
    return None


def read_model(folder: Path) -> ColmapModel:
    """Cameras, images and points of the model in this folder; no points file means no points.

    Raises:
        SignalError: damaged, cut off, or of a camera model that we do not undistort.
    """
    binary = all((folder / f"{part}.bin").is_file() for part in ("cameras", "images"))
    reader, suffix = (colmap_binary, ".bin") if binary else (colmap_text, ".txt")
    cameras = reader.read_cameras(folder / f"cameras{suffix}")
    images = reader.read_images(folder / f"images{suffix}")
    for image in images:
        if image.camera_id not in cameras:
            known = ", ".join(str(number) for number in sorted(cameras)[:8])
            raise SignalError(
                f"{folder / f'images{suffix}'}: {image.name} is of camera {image.camera_id}; expected one of {known} "
                f"in cameras{suffix}: the files are of different reconstructions"
            )
    twice = next((one.name for one, other in pairwise(images) if one.name == other.name), None)
    if twice is not None:
        raise SignalError(f"{folder / f'images{suffix}'}: {twice} is there more than once; expected each picture once")
    return ColmapModel(cameras, images, read_cloud(folder))


def read_cloud(folder: Path) -> PointCloud:
    """points3D.bin, .txt or .ply (what training codes leave) of a model's folder; empty where none exists.

    Raises:
        SignalError: damaged or cut off.
    """
    if (folder / "points3D.bin").is_file():
        return colmap_binary.read_points(folder / "points3D.bin")
    if (folder / "points3D.txt").is_file():
        return colmap_text.read_points(folder / "points3D.txt")
    if (folder / "points3D.ply").is_file():
        return read_ply_points(folder / "points3D.ply")
    return empty_cloud()


def read_colmap(folder: Path, scale: Fraction) -> Source:
    """Every registered picture of a folder that `find_model` accepts, in order of names, and the points.

    Raises:
        SignalError: pictures are missing or of the wrong shape, the model is damaged or of an unsupported camera.
    """
    model_folder = find_model(folder)
    if model_folder is None:
        raise SignalError(
            f"{folder}: no COLMAP model; expected cameras and images (.bin or .txt) in sparse/0 or sparse"
        )
    model = read_model(model_folder)
    if not model.images:
        raise SignalError(f"{model_folder}: the model has no registered images; reconstruct again")
    pictures, picture_scale = choose_pictures(folder, scale)
    paths = match_pictures(model.images, pictures, folder)
    photographs: list[Photograph] = []
    for image, path in zip(model.images, paths, strict=True):
        lens, orientation = fit_lens(model.cameras[image.camera_id], picture_size(path), f"{path}")
        photographs.append(Photograph(image.name, path, lens, image.camera_from_world, orientation))
    notes: list[str] = []
    skipped = len(set(picture_files(pictures)) - set(paths))
    if skipped:
        notes.append(f"{skipped} of {skipped + len(paths)} pictures in {pictures.name}/ are not in the model: skipped")
    others = [name for name in _numbered_models(folder) if folder / "sparse" / name != model_folder]
    if others:
        notes.append(f"the reconstruction fell apart: sparse/{', sparse/'.join(others)} beside {model_folder} not read")
    return Source(tuple(photographs), model.points, picture_scale, tuple(notes))


def _numbered_models(folder: Path) -> list[str]:
    """Names of the parts that COLMAP could not join, 0 first."""
    found = (path.name for path in (folder / "sparse").glob("*") if path.name.isdecimal())
    return sorted((name for name in found if find_model(folder / "sparse" / name) is not None), key=int)


def choose_pictures(folder: Path, scale: Fraction) -> tuple[Path, Fraction]:
    """The folder of pictures to read, and the scale that remains to be applied to them.

    That is ``images_N`` where it is what the scale asks for (1/N of the largest there), so that pictures are those that
    others measure on; else the largest: ``images``, or ``images_N`` with the smallest N.

    Raises:
        SignalError: there is no such folder.
    """
    sizes = {1: folder / "images"} if (folder / "images").is_dir() else {}
    for candidate in folder.glob("images_*"):
        factor = candidate.name.removeprefix("images_")
        if candidate.is_dir() and factor.isdecimal() and 1 < int(factor) <= 64:
            sizes[int(factor)] = candidate
    if not sizes:
        raise SignalError(f"{folder}: no pictures; expected a folder named images, or images_2, images_4, ...")
    largest = min(sizes)
    wanted = largest / scale
    if wanted.denominator == 1 and int(wanted) in sizes:
        return sizes[int(wanted)], Fraction(1)
    return sizes[largest], scale


def match_pictures(images: tuple[RegisteredImage, ...], pictures: Path, folder: Path) -> list[Path]:
    """The file of each image: by name, by name without suffix, or, for a renamed copy of ``images``, by order.

    Raises:
        SignalError: files are missing; says how many, which, and where they were looked for.
    """
    files = picture_files(pictures)
    by_name = {file.relative_to(pictures).as_posix(): file for file in files}
    by_stem = {name.rpartition(".")[0]: file for name, file in by_name.items()}
    found = [by_name.get(image.name) or by_stem.get(image.name.rpartition(".")[0]) for image in images]
    if all(path is None for path in found):
        originals = picture_files(folder / "images") if pictures.name != "images" else []
        names = [file.relative_to(folder / "images").as_posix() for file in originals] or [i.name for i in images]
        if len(names) == len(files):
            renamed = dict(zip(names, files, strict=True))
            found = [renamed.get(image.name) for image in images]
    paths = [path for path in found if path is not None]
    if len(paths) < len(images):
        missing = [image.name for image, path in zip(images, found, strict=True) if path is None]
        shown = ", ".join(missing[:SHOWN_NAMES]) + (", ..." if len(missing) > SHOWN_NAMES else "")
        raise SignalError(
            f"{pictures}: {len(missing)} of the {len(images)} pictures in the model are missing: {shown}; "
            f"expected the pictures that were reconstructed, under the same names"
        )
    return paths
