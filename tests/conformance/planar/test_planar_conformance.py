# SPDX-License-Identifier: Apache-2.0
"""The maker of pinned streams notices what changed; `test_pinned_streams` checks each stream."""

import shutil
import subprocess
import sys
from pathlib import Path

from make import STREAMS

from lamina.codecs.planar import CODEC

FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


def test_clips_say_that_they_are_clips() -> None:
    for name in PINNED:
        header, *_ = STREAMS.units(name)
        assert (CODEC.inspect(header.payload).kind == "video") == ("clip" in name)


def test_a_changed_stream_is_noticed_by_the_maker(tmp_path: Path) -> None:
    folder = tmp_path / "conformance" / "planar"
    shutil.copytree(FOLDER, folder)
    shutil.copy(FOLDER.with_name("pinned_streams.py"), tmp_path / "conformance")
    manifest = (folder / "manifest.json").read_text("utf-8")
    changed = manifest.replace(PINNED["clip"]["0 0 0"], "0" * 32)
    (folder / "manifest.json").write_text(changed, "utf-8")
    done = subprocess.run(
        [sys.executable, folder / "make.py", "--check"], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 1
    assert done.stdout.strip() == "clip: decodes to other integers"
