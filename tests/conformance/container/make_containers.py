# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned files of the container: streams of every kind enter; .lam files and expected.json leave.

    python tests/conformance/container/make_containers.py           makes the files that are missing
    python tests/conformance/container/make_containers.py --remake  all of them

`expected.json` says in plain values what a reader must find, for readers in any language. `--remake` is for versions
that no release has written yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "bitstream"))
from made_up_streams import STREAMS, in_order

from lamina.bitstream import StreamJournal, pack_stream, read_stream
from lamina.units import StreamFacts, Unit

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "expected.json"
BY_FRAME = ("clip", "chained", "spans", "odd", "timed", "timed spans")
"""Streams that are also pinned as journals, frame by frame."""
BY_LAYER = ("tiles",)
"""And layer by layer over all groups."""


def file_name(name: str) -> str:
    """Of a stream."""
    return name.replace(" ", "_")


def by_frame(units: list[Unit]) -> list[list[Unit]]:
    """Units in the order of frames, those of a frame together."""
    frames: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        frames.setdefault((unit.key.group, unit.key.frame if unit.key.layer >= 0 else -1), []).append(unit)
    return [frames[key] for key in sorted(frames)]


def by_layer(units: list[Unit]) -> list[list[Unit]]:
    """Units in the order of layers, each alone."""
    return [[unit] for unit in sorted(units, key=lambda unit: (unit.key.layer, unit.key.group, unit.key.frame))]


def journal_bytes(facts: StreamFacts, parts: list[list[Unit]]) -> bytes:
    """The journal that grows by these parts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        with StreamJournal(path, facts) as journal:
            for made in parts:
                journal.append(made)
        return path.read_bytes()


def description(facts: StreamFacts, units: list[Unit], data: bytes) -> dict[str, Any]:
    """What a reader must find."""
    stream, rate, ticks = read_stream(data), facts.frames_per_second, facts.ticks_per_second
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "codec_wire_id": facts.codec_wire_id,
        "seen_by": int(facts.seen_by),
        "quality_metric": int(facts.quality_metric),
        "rate": [rate.numerator, rate.denominator] if rate is not None else None,
        **({"ticks_per_second": [ticks.numerator, ticks.denominator]} if ticks is not None else {}),
        "units": [
            {
                "key": list(unit.key),
                "frame_count": unit.frame_count,
                "payload": unit.payload.hex(),
                "quality_db": stream.entry(unit.key).quality_db,
                "offset": stream.entry(unit.key).offset,
                "is_chained": unit.group.is_chained,
                "box": unit.group.box,
                **(
                    {"start_ticks": unit.times.start_ticks, "durations_ticks": list(unit.times.durations_ticks)}
                    if unit.times is not None
                    else {}
                ),
            }
            for unit in in_order(units)
        ],
    }


def main() -> int:
    """Makes what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--remake", action="store_true", help="make all")
    options = parser.parse_args()
    expected = json.loads(EXPECTED.read_text("utf-8")) if EXPECTED.exists() and not options.remake else {}
    for name, (facts, units) in STREAMS.items():
        made = {file_name(name): pack_stream(facts, units)}
        if name in BY_FRAME + BY_LAYER:
            parts = by_frame(units) if name in BY_FRAME else by_layer(units)
            made[f"{file_name(name)}_journal"] = journal_bytes(facts, parts)
        for label, data in made.items():
            if label not in expected:
                (FOLDER / f"{label}.lam").write_bytes(data)
                expected[label] = description(facts, units, data)
                print(f"{label}: {len(data)} bytes")
    EXPECTED.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
