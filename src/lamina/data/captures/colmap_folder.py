# SPDX-License-Identifier: Apache-2.0
"""A folder with a COLMAP model enters, in one of the layouts that tools leave; its photographs and points leave.

model                                  pictures
sparse/0, sparse                       images or images_2, ..., input, or beside sparse
colmap/sparse/0                        the same, and in colmap (nerfstudio)
dense/sparse, dense/0/sparse           dense/images, dense/0/images (image_undistorter)
distorted/sparse/0                     input: images holds others, undistorted (convert.py of graphdeco's code)
the folder itself                      images, input, or itself
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from lamina.data.captures import colmap_binary, colmap_text
from lamina.data.captures.colmap import ColmapModel
from lamina.data.captures.pairing import Pairing, find_pictures, pair, pair_files, shown
from lamina.data.captures.photographs import photograph_of
from lamina.data.captures.picture_files import picture_files
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, read_ply_points
from lamina.data.captures.source import Source
from lamina.data.captures.text import read_text
from lamina.errors import SignalError

MODEL_FOLDERS = (
    *("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "dense/sparse", "dense/sparse/0", "dense/0/sparse"),
    *("distorted/sparse/0", "distorted/sparse", ""),
)
"""Where tools put a model, in the order in which it is looked for; the last is the folder itself."""

WHOLE_FOLDER = "images"
OTHER_FOLDERS = ("input",)
"""Of pictures at full size."""

SPLIT_NAME = "test.txt"
"""Beside a model: names of the pictures held out, a line each. Source: graphdeco-inria/gaussian-splatting,
scene/dataset_readers.py, readColmapSceneInfo."""

SUFFIXES = (".bin", ".txt")
"""Binary first: text is exported from it."""

POINT_SUFFIXES = (*SUFFIXES, ".ply")


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
    names = [image.name.replace("\\", "/") for image in model.images]
    pictures, picture_scale, pairing = model_pictures(names, folder, model_folder, scale)
    photographs = tuple(
        photograph_of(name, path, model.cameras[image.camera_id], image.camera_from_world)
        for name, image, path in zip(names, model.images, pairing.files, strict=True)
        if path is not None
    )
    notes = pairing.notes(names)
    skipped = len(set(picture_files(pictures)) - set(pairing.files))
    if skipped:
        where = f"{pictures.name}/" if pictures != folder else f"{folder.resolve().name}/"
        notes.append(f"{skipped} of {skipped + len(photographs)} pictures in {where} are not in the model: skipped")
    others = [name for name in _numbered_models(folder) if folder / "sparse" / name != model_folder]
    if others:
        notes.append(f"the reconstruction fell apart: sparse/{', sparse/'.join(others)} beside {model_folder} not read")
    split = _listed_split(model_folder / SPLIT_NAME, names, [photograph.name for photograph in photographs])
    return Source(photographs, model.points, picture_scale, tuple(notes), split)


def _numbered_models(folder: Path) -> list[str]:
    """Names of the parts that COLMAP could not join, 0 first."""
    found = (path.name for path in (folder / "sparse").glob("*") if path.name.isdecimal())
    return sorted((name for name in found if find_model(folder / "sparse" / name) is not None), key=int)


def model_pictures(
    names: Sequence[str], folder: Path, model_folder: Path, scale: Fraction
) -> tuple[Path, Fraction, Pairing]:
    """The folder of a model's pictures, the scale that remains to be applied to them, and which is whose.

    Raises:
        SignalError: there are hardly any; says which were looked for, and where.
    """
    folders: dict[Path, Fraction] = {}
    is_distorted = "distorted" in model_folder.relative_to(folder).parts
    for base in _bases(folder, model_folder):
        chosen = None if is_distorted else choose_pictures(base, scale)
        if chosen is not None:
            renamed = pair_by_order(names, chosen[0], base)
            if renamed is not None:
                return *chosen, renamed
            folders[chosen[0]] = chosen[1]
            if (base / WHOLE_FOLDER).is_dir():
                folders.setdefault(base / WHOLE_FOLDER, scale)
        folders |= {base / name: scale for name in OTHER_FOLDERS if (base / name).is_dir()}
        if chosen is None and not is_distorted:
            folders[base] = scale
    if not folders:
        raise SignalError(
            f"{folder}: no pictures; expected those that {model_folder} was made from in {folder / 'input'}"
        )
    found, pairing = find_pictures(names, list(folders), model_folder)
    return found, folders[found], pairing


def _bases(folder: Path, model_folder: Path) -> list[Path]:
    """Folders in which the pictures of a model may lie."""
    parts = model_folder.relative_to(folder).parts
    if "dense" in parts:
        return [folder.joinpath(*parts[: parts.index("sparse")])]
    return [folder, folder / "colmap"] if "colmap" in parts else [folder]


def choose_pictures(base: Path, scale: Fraction) -> tuple[Path, Fraction] | None:
    """The folder of pictures to read, and the scale that remains to be applied to them.

    That is ``images_N`` where it is what the scale asks for (1/N of the largest there), so that pictures are those that
    others measure on; else the largest: ``images``, or ``images_N`` with the smallest N. None: there is no such folder.
    """
    whole = base / WHOLE_FOLDER
    sizes = {1: whole} if whole.is_dir() else {}
    for candidate in base.glob(f"{WHOLE_FOLDER}_*"):
        factor = candidate.name.removeprefix(f"{WHOLE_FOLDER}_")
        if candidate.is_dir() and factor.isdecimal() and 1 < int(factor) <= 64:
            sizes[int(factor)] = candidate
    if not sizes:
        return None
    largest = min(sizes)
    wanted = largest / scale
    if wanted.denominator == 1 and int(wanted) in sizes:
        return sizes[int(wanted)], Fraction(1)
    return sizes[largest], scale


def pair_by_order(names: Sequence[str], chosen: Path, base: Path) -> Pairing | None:
    """Files of ``images_N`` that are called otherwise than those of ``images`` beside it, which are all there.

    LLFF's scenes have such copies, in the order of their originals. None: this is no such folder.
    """
    whole = base / WHOLE_FOLDER
    if chosen.parent != base or not chosen.name.startswith(f"{WHOLE_FOLDER}_") or not whole.is_dir():
        return None
    originals, copies = picture_files(whole), picture_files(chosen)
    if len(originals) != len(copies) or any(file is not None for file in pair(names, chosen).files):
        return None
    pairing = pair(names, whole)
    if None in pairing.files:
        return None
    copy_of = dict(zip(originals, copies, strict=True))
    files = tuple(copy_of[file] for file in pairing.files if file is not None)
    return replace(pairing, files=files, by_order=f"{chosen.name}/ has other names than images/, with as many pictures")


def _listed_split(
    path: Path, names: Sequence[str], read: Sequence[str]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Views to fit to and those whose names are in a file; None where there is no such file, or it is empty.

    Raises:
        SignalError: it names a picture that is not in the model.
    """
    if not path.is_file():
        return None
    wanted = list(dict.fromkeys(line.strip() for line in read_text(path).splitlines() if line.strip()))
    numbers = pair_files(wanted, {name: Path(name) for name in names}).files
    unknown = [name for name, number in zip(wanted, numbers, strict=True) if number is None]
    if unknown:
        raise SignalError(
            f"{path}: {len(unknown)} of {len(wanted)} names are not in the model: {shown(unknown)}; expected names of "
            f"its pictures, such as {names[0]!r}"
        )
    held = {str(name) for name in numbers}
    test = tuple(number for number, name in enumerate(read) if str(Path(name)) in held)
    return (tuple(number for number in range(len(read)) if number not in set(test)), test) if test else None
