# SPDX-License-Identifier: Apache-2.0
"""Frames of a clip enter; the one face in each, tracked from frame to frame, leaves. Errors say where and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.data.faces.alignment import FrameFit, HeadPose, Pinhole, expression_of, first_pose, residual_px, stepped
from lamina.data.faces.detection import detect_faces, only_large
from lamina.data.faces.gaze import IRISES, gaze_of
from lamina.data.faces.identity import LANDMARKS, Person, eyes_of
from lamina.data.faces.landmarks import Landmarks, blendshapes, crop_of_box, crop_of_landmarks, find_landmarks
from lamina.data.faces.shape import Observation
from lamina.data.faces.template import face_template
from lamina.errors import SignalError

PRESENT = 0.5
"""Less, and the crop holds no face."""
LOOK_AGAIN_FRAMES = 25
"""So often the whole picture is looked at for another face."""
STEPS, FIRST_STEPS = 2, 10
LOST_SHARE = 0.05
"""Landmarks that are off by more than this share of the picture's longer side, in the median, are of no face that was
learnt: it is turned too far, or another's."""


@dataclass(frozen=True, eq=False)
class Face:
    """The face in one frame."""

    pose: HeadPose
    gaze: Float64[np.ndarray, "2"]
    """Yaw, pitch, radians."""
    residual_px: float
    """Median distance of landmarks from where the head has them."""


class FaceWatcher:
    """Finds the face in one picture after another, near where it was before."""

    def __init__(self, name: str = "clip", first: int = 0) -> None:
        self._name, self._frame = name, first
        self._last: Landmarks | None = None

    def look(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Landmarks:
        """Landmarks in the next frame.

        Raises:
            BackendUnavailable: LiteRT is not installed.
            SignalError: there is no face, or there are two.
        """
        found: Landmarks | None = None
        if self._last is not None and self._frame % LOOK_AGAIN_FRAMES:
            found = find_landmarks(pixels, crop_of_landmarks(self._last.points_px[:LANDMARKS]))
        if found is None or found.presence < PRESENT:
            found = self._detected(pixels)
        self._last, self._frame = found, self._frame + 1
        return found

    def _detected(self, pixels: np.ndarray) -> Landmarks:
        faces = only_large(detect_faces(pixels))
        place = f"{self._name}: frame {self._frame}"
        if len(faces) > 1:
            raise SignalError(
                f"{place}: {len(faces)} faces; expected one: crop the clip to one person, or cut it with --frames A:B"
            )
        if not faces and self._last is None:
            raise SignalError(
                f"{place}: no face found; expected one person who faces the camera: cut with --frames A:B"
            )
        crop = crop_of_box(faces[0]) if faces else crop_of_landmarks(self._last.points_px[:LANDMARKS])  # pyright: ignore[reportOptionalMemberAccess]
        found = find_landmarks(pixels, crop)
        if faces:
            # The detector's box is rough: a second look sees the face as later frames do.
            found = find_landmarks(pixels, crop_of_landmarks(found.points_px[:LANDMARKS]))
        if found.presence < PRESENT:
            raise SignalError(
                f"{place}: the face is lost (it left the picture, is covered or turned away); cut with --frames A:B"
            )
        return found


def observed(points: Landmarks) -> Observation:
    """What identity and poses are fitted to."""
    return Observation(points.points_px[:LANDMARKS], expression_of(blendshapes(points.points_px)))


@dataclass
class FaceTracker:
    """Of one person, whose face is known."""

    person: Person
    pinhole: Pinhole
    width: int
    height: int
    name: str = "clip"
    before: HeadPose | None = None
    frame: int = 0

    def __post_init__(self) -> None:
        self._rest = self.person.landmarks
        self._eyes = eyes_of(self.person, face_template())
        self._radius = float(face_template().eye_radii.mean())

    def track(self, points: Landmarks, seen: Observation) -> Face:
        """The next frame.

        Raises:
            SignalError: the landmarks fit no pose of this person.
        """
        longest = max(self.width, self.height)
        fit = FrameFit(seen.points_px, seen.scores, self._rest, self.pinhole, longest / 512, self.before)
        pose = self.before
        if pose is None:
            pose = replace(first_pose(seen.points_px, self._rest, self.pinhole), expression=seen.scores)
        for _ in range(FIRST_STEPS if self.before is None else STEPS):
            pose = stepped(pose, fit)
        residual = float(np.median(np.linalg.norm(residual_px(pose, fit), axis=1)))
        if residual > LOST_SHARE * longest or pose.translation[2] <= 0:
            raise SignalError(
                f"{self.name}: frame {self.frame}: the face fits no pose of the person ({residual:.0f} px off): it is "
                "turned too far, or someone else's; cut with --frames A:B"
            )
        gaze = gaze_of(points.points_px[list(IRISES)], pose, self.pinhole, self._eyes, self._radius)
        self.before, self.frame = pose, self.frame + 1
        return Face(pose, gaze, residual)


def watched(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], name: str, first: int = 0
) -> Iterator[tuple[Landmarks, Observation]]:
    """Landmarks and expressions of frame after frame; `first` is the number of the first, for messages."""
    watcher = FaceWatcher(name, first)
    for pixels in frames:
        points = watcher.look(pixels)
        yield points, observed(points)
