# SPDX-License-Identifier: Apache-2.0
"""Every codec of the package has pinned streams, which any reader of its version decodes to the same integers."""

import json
from pathlib import Path

import pytest

import lamina
from lamina.codec import AnyCodec
from lamina.codecs import CODECS
from lamina.media.digest import digest_units

PINNED = Path(__file__).parents[1] / "conformance"


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_pinned_streams_are_there_and_open(codec: AnyCodec) -> None:
    folder = PINNED / codec.name
    manifests = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    pinned = {name: units for manifest in manifests for name, units in manifest.items()}
    assert pinned, f"{folder}: a codec pins streams"
    for name, units in pinned.items():
        with lamina.open(folder / f"{name}.lam") as media:
            assert media.codec.name == codec.name
            found = {"{} {} {}".format(*key): value[:32] for key, value in digest_units(media.stream)}
            assert units.items() <= found.items()


def test_names_and_numbers_are_of_one_codec_each() -> None:
    assert len({codec.wire_id for codec in CODECS}) == len({codec.name for codec in CODECS}) == len(CODECS)
