# SPDX-License-Identifier: Apache-2.0
"""What the head codec carries is made here, from ICT-FaceKit (MIT) and MediaPipe's models (Apache-2.0).

    python release/make_face_models.py ../shared/data/headmodels src/lamina/data/faces/models

Leaves `template.npz` (a mean head, what its expressions move, the places of Gaussians on it in the order of sending),
`identity.npz` (what people differ by, for encoders) and the four networks of the tracker. Made once: the template is
named by its hash in streams, so that another one is another format.
"""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLES = 16_384
SHARES = {
    "face": 0.62, "headneck": 0.14, "teeth": 0.08, "mouthsocket": 0.03, "gums": 0.03, "eyeball_l": 0.05,
    "eyeball_r": 0.05,
}  # fmt: skip
"""Of the samples. The order is that of `Region` in lamina.data.faces.template."""
REGIONS = {
    "face": (0, 9409), "headneck": (9409, 11248), "mouthsocket": (11248, 13294), "gums": (14062, 17039),
    "teeth": (17039, 21451), "eyeball_l": (21451, 23021), "eyeball_r": (23021, 24591),
}  # fmt: skip
"""First vertex of each, and the one after the last (ICT-FaceKit, README)."""
SCLERA = {"eyeball_l": (22221, 23021), "eyeball_r": (23791, 24591)}
"""Vertices that lie on a sphere."""
LEFT_OUT = ("Pupil", "cheekRaiser")
"""Expressions that MediaPipe's blendshapes do not have."""
IDENTITIES = 60
"""Of 100: those after these move nothing by more than half a millimetre."""
POSITION_UNIT_CM = 1 / 1024
LARGEST = 511
"""Of a basis vector: a jaw that opens by 4 cm is right to a tenth of a millimetre."""
NETWORKS = ("face_detector", "face_landmarks_detector", "face_blendshapes")

CANONICAL_68 = [
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356, 70, 63, 105, 66, 107, 336, 296,
    334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61,
    39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]  # fmt: skip
"""MediaPipe's vertices at the 68 landmarks that ICT-FaceKit names."""


@dataclass(frozen=True)
class Head:
    """ICT-FaceKit: vertices (cm), triangles, basis vectors."""

    neutral: np.ndarray
    triangles: np.ndarray
    regions: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    names: list[str]
    landmarks_68: np.ndarray


def read_head(folder: Path) -> Head:
    """The morphable head, its quadrangles cut into triangles."""
    arrays = np.load(folder / "ict_facekit_f16.npz")
    quads = arrays["faces"]
    has_four = quads[:, 3] >= 0
    triangles = np.concatenate([quads[:, :3], quads[has_four][:, [0, 2, 3]]])
    regions = np.full(len(arrays["neutral"]), "", dtype="U12")
    for name, (start, stop) in REGIONS.items():
        regions[start:stop] = name
    names = [str(name) for name in arrays["expression_names"]]
    kept = [number for number, name in enumerate(names) if not name.startswith(LEFT_OUT)]
    indices = json.loads((folder / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    return Head(
        arrays["neutral"].astype(np.float64),
        triangles,
        regions,
        arrays["identity"][:IDENTITIES].astype(np.float64),
        arrays["expression"][kept].astype(np.float64),
        [names[number] for number in kept],
        np.array(indices),
    )


def read_canonical(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of MediaPipe's canonical face."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    vertices = np.array([[float(word) for word in words[1:4]] for words in lines if words[0] == "v"])
    faces = np.array([[int(word.split("/")[0]) - 1 for word in words[1:4]] for words in lines if words[0] == "f"])
    return vertices, faces


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation, translation of least squares. Source: Umeyama (1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = float((s * signs).sum() / (a**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def thin_plate(points: np.ndarray, values: np.ndarray, at: np.ndarray, smoothing: float) -> np.ndarray:
    """Interpolation in space by |r| and an affine part."""

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return -np.linalg.norm(x[:, None] - y[None], axis=2)

    count = len(points)
    affine = np.concatenate([np.ones((count, 1)), points], axis=1)
    system = np.block([[kernel(points, points) - smoothing * np.eye(count), affine], [affine.T, np.zeros((4, 4))]])
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((4, values.shape[1]))]))
    return kernel(at, points) @ weights[:count] + np.concatenate([np.ones((len(at), 1)), at], axis=1) @ weights[count:]


def closest(point: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric coordinates of the closest point of each triangle, and its squared distance (projection, clamped)."""
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    denominator = d00 * d11 - d01**2 + 1e-20
    v, w = (d11 * d20 - d01 * d21) / denominator, (d00 * d21 - d01 * d20) / denominator
    best = np.stack([1 - v - w, v, w], axis=1)
    outside = (best < 0).any(axis=1)
    edges = []
    for first, second, pair in ((a, b, (0, 1)), (b, c, (1, 2)), (a, c, (0, 2))):
        along = second - first
        share = np.clip(((point - first) * along).sum(1) / ((along * along).sum(1) + 1e-20), 0, 1)
        weights = np.zeros_like(best)
        weights[:, pair[0]], weights[:, pair[1]] = 1 - share, share
        place = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
        edges.append((((place - point) ** 2).sum(1), weights))
    distances = np.stack([distance for distance, _ in edges])
    nearest = distances.argmin(0)
    clamped = np.stack([weights for _, weights in edges])[nearest, np.arange(len(a))]
    best[outside] = clamped[outside]
    place = best[:, :1] * a + best[:, 1:2] * b + best[:, 2:] * c
    return best, ((place - point) ** 2).sum(1)


def correspondences(head: Head, vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each of MediaPipe's 468 vertices: vertices of a triangle of the head, and weights."""
    target = head.neutral[head.landmarks_68]
    inner = np.arange(17, 68)
    at_68 = np.array(CANONICAL_68)
    scale, rotation, shift = similarity(vertices[at_68[inner]], target[inner])
    placed = scale * vertices @ rotation.T + shift
    used = np.concatenate([inner, [0, 8, 16]])
    placed = placed + thin_plate(placed[at_68[used]], target[used] - placed[at_68[used]], placed, 0.05)
    triangles = head.triangles[np.isin(head.regions[head.triangles[:, 0]], ["face", "headneck"])]
    a, b, c = (head.neutral[triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    own = np.zeros_like(placed)
    across = np.cross(placed[faces[:, 1]] - placed[faces[:, 0]], placed[faces[:, 2]] - placed[faces[:, 0]])
    for corner in range(3):
        np.add.at(own, faces[:, corner], across)
    chosen, weights = np.zeros((len(placed), 3), np.int64), np.zeros((len(placed), 3))
    for number, point in enumerate(placed):
        barycentric, distance = closest(point, a, b, c)
        distance = np.where(normals @ own[number] > 0, distance, np.inf)
        chosen[number], weights[number] = triangles[distance.argmin()], barycentric[distance.argmin()]
    return chosen, weights


def morton(points: np.ndarray) -> np.ndarray:
    """Places along a curve that keeps neighbours together."""
    low, high = points.min(0), points.max(0)
    cells = ((points - low) / (high - low).max() * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code


def reversed_bits(count: int) -> np.ndarray:
    """0...count - 1 in the order of van der Corput: any number of the first are spread evenly."""
    bits = max(count - 1, 1).bit_length()
    numbers = np.arange(1 << bits)
    turned = np.zeros_like(numbers)
    for bit in range(bits):
        turned |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return turned[turned < count]


def samples_of(head: Head) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles' vertices, weights in 1/255, regions: equal area in each region, in the order of sending."""
    chance = np.random.default_rng(0)
    found = []
    for region, (name, share) in enumerate(SHARES.items()):
        triangles = head.triangles[head.regions[head.triangles[:, 0]] == name]
        corners = head.neutral[triangles]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(across, axis=1) / 2
        front, depth = across[:, 2] / (2 * area + 1e-12), corners.mean(1)[:, 2]
        if name == "headneck":
            area = area * np.where(depth < -3, 0.3, 1.0)
        if name.startswith("eyeball"):
            area = area * (front > 0.3)
        if name in ("teeth", "gums"):
            area = area * (front > -0.2) * (depth > 6)
        order = np.argsort(morton(corners.mean(1)), kind="stable")
        triangles, total = triangles[order], np.cumsum(area[order])
        count = round(share * SAMPLES)
        at = (np.arange(count) + chance.random(count)) / count * total[-1]
        chosen = triangles[np.searchsorted(total, at)]
        u = chance.random((count, 2))
        u[u.sum(1) > 1] = 1 - u[u.sum(1) > 1]
        weights = np.rint(255 * np.stack([u[:, 0], u[:, 1]], axis=1)).astype(np.int64)
        sequence = reversed_bits(count)
        key = (np.arange(count) + 0.5) / count
        found.append((key, chosen[sequence], weights[sequence], np.full(count, region)))
    order = np.argsort(np.concatenate([entry[0] for entry in found]), kind="stable")
    return tuple(np.concatenate([entry[place] for entry in found])[order][:SAMPLES] for place in (1, 2, 3))  # pyright: ignore[reportReturnType]


def sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of least squares."""
    rows = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    centre = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0][:3] / 2
    return centre, float(np.median(np.linalg.norm(points - centre, axis=1)))


def in_bytes(basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis vectors as integers up to `LARGEST`, and the step of each, cm."""
    steps = np.abs(basis).max(axis=(1, 2)) / LARGEST
    return np.rint(basis / steps[:, None, None]).astype(np.int16), steps.astype(np.float32)


def main() -> int:
    """Make everything; the exit status."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    head = read_head(source / "ict_facekit")
    at, weights = correspondences(head, *read_canonical(source / "mediapipe" / "canonical_face_model.obj"))
    corners, barycentric, regions = samples_of(head)
    used, inverse = np.unique(np.concatenate([corners.ravel(), at.ravel()]), return_inverse=True)
    corners, at = inverse[: corners.size].reshape(-1, 3), inverse[corners.size :].reshape(-1, 3)
    spheres = [sphere(head.neutral[slice(*SCLERA[name])]) for name in SCLERA]
    expression, expression_steps = in_bytes(head.expression[:, used])
    identity, identity_steps = in_bytes(head.identity[:, used])
    landmark_identity = np.einsum("klac,la->klc", head.identity[:, used][:, at], weights)
    neutral = np.rint(head.neutral[used] / POSITION_UNIT_CM).astype(np.int16)
    last = 255 - barycentric.sum(1)
    shares = np.stack([last, barycentric[:, 0], barycentric[:, 1]], axis=1)
    places = (neutral[corners].astype(np.int64) * shares[..., None]).sum(1) // 255
    np.savez_compressed(
        target / "template.npz",
        neutral=neutral,
        expression=expression,
        expression_steps=expression_steps,
        expression_names=np.array(head.names),
        sample_corners=corners.astype(np.uint16),
        sample_weights=shares.astype(np.uint8),
        sample_regions=regions.astype(np.uint8),
        sample_ranks=np.argsort(np.argsort(morton(places.astype(np.float64)), kind="stable")).astype(np.uint16),
        eye_centers=np.stack([centre for centre, _ in spheres]).astype(np.float32),
        eye_radii=np.array([radius for _, radius in spheres], np.float32),
    )
    np.savez_compressed(
        target / "identity.npz",
        basis=identity,
        steps=identity_steps,
        landmark_corners=at.astype(np.uint16),
        landmark_weights=weights.astype(np.float32),
        landmark_basis=landmark_identity.astype(np.float16),
        eye_basis=np.stack([head.identity[:, slice(*SCLERA[name])].mean(1) for name in SCLERA], 1).astype(np.float32),
    )
    with zipfile.ZipFile(source / "mediapipe" / "face_landmarker.task") as bundle:
        for name in NETWORKS:
            (target / f"{name}.tflite").write_bytes(bundle.read(f"{name}.tflite"))
    (target / "person_mask.tflite").write_bytes((source / "mediapipe" / "selfie_segmentation.tflite").read_bytes())
    for folder, name in (("ict_facekit", "LICENSE.ict_facekit"), ("mediapipe", "LICENSE.mediapipe")):
        (target / name).write_bytes((source / folder / "LICENSE").read_bytes())
    for path in sorted(target.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
