# SPDX-License-Identifier: Apache-2.0
"""Who a head is of <-> bytes in its base layer: with them an encoder finds the same face in another clip.

Identity in twentieths of standard deviations, landmarks' offsets in fifths of a millimetre; deflated.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from lamina.data.faces.identity import Person, landmark_model, vertices_of
from lamina.data.faces.template import UNIT_CM, FaceTemplate, face_template
from lamina.errors import BitstreamError

IDENTITY_STEP = 0.05
OFFSET_STEP_CM = 0.02


def pack_person(person: Person) -> bytes:
    """As bytes."""
    identity = np.rint(person.identity / IDENTITY_STEP).clip(-32768, 32767).astype("<i2")
    offsets = np.rint(person.offsets / OFFSET_STEP_CM).clip(-127, 127).astype(np.int8)
    return zlib.compress(identity.tobytes() + np.ascontiguousarray(offsets.T).tobytes(), 9)


def unpack_person(data: bytes) -> Person:
    """From bytes.

    Raises:
        BitstreamError: they are damaged.
    """
    model = landmark_model()
    identities, landmarks = len(model.identity), len(model.neutral)
    expected = 2 * identities + 3 * landmarks
    try:
        raw = zlib.decompressobj().decompress(data, expected + 1)
    except zlib.error as error:
        raise BitstreamError(f"not deflated: {error}", "tracker") from error
    if len(raw) != expected:
        raise BitstreamError(f"{len(raw)} bytes, expected {expected}", "tracker")
    identity = np.frombuffer(raw, "<i2", identities).astype(np.float64) * IDENTITY_STEP
    offsets = np.frombuffer(raw, np.int8, offset=2 * identities).reshape(3, landmarks).T * OFFSET_STEP_CM
    return Person(identity, offsets.astype(np.float64))


def template_of(person: Person) -> FaceTemplate:
    """The mean head in the person's shape, within what a head's integers hold."""
    template = face_template()
    vertices = np.rint(vertices_of(person, template) / UNIT_CM).clip(-32768, 32767)
    return replace(template, neutral=vertices.astype(np.int16))
