# SPDX-License-Identifier: Apache-2.0
"""A model a frame, in a folder: numbered as the stream is, whole or not at all, and gone on with after a stop."""

from dataclasses import replace
from pathlib import Path

import pytest

import lamina
import lamina.codecs
from lamina.codec import Export, Progress
from lamina.errors import Interrupted, SignalError, TargetError, WriteError
from lamina.media.export import export
from lamina.media.job import PART_SUFFIX, opened_part
from lamina.media.reading import Media


class Writer:
    """Writes a frame's number and places; remembers what it was asked, and stops where it is told."""

    def __init__(self) -> None:
        self.made: list[tuple[int, str, int]] = []
        self.stop_at: int | None = None
        self.error: BaseException = KeyboardInterrupt()

    def __call__(self, model, path: Path, fit_steps: int, report) -> str:
        path.write_text("half")
        if model.frame == self.stop_at:
            raise self.error
        path.write_text(f"{model.frame} {model.level} {len(model.places)}")
        self.made.append((model.frame, path.suffix, fit_steps))
        return f"{len(model.places)} dots"


@pytest.fixture
def writer(puppets, monkeypatch: pytest.MonkeyPatch) -> Writer:
    made = Writer()
    codec = replace(puppets, export=Export((".ply", ".spz"), 400, made))
    others = [other for other in lamina.codecs.CODECS if other.name != puppets.name]
    monkeypatch.setattr(lamina.codecs, "CODECS", (*others, codec))
    return made


@pytest.fixture
def media(play: Path, writer: Writer):
    with lamina.open(play) as opened:
        yield opened


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_frames_have_the_numbers_of_the_stream(media: Media, writer: Writer, tmp_path: Path) -> None:
    exported = export(media, tmp_path / "frames", frames=(10, 13), level=0)
    assert names(tmp_path / "frames") == ["frame0010.ply", "frame0011.ply", "frame0012.ply"]
    assert (tmp_path / "frames" / "frame0011.ply").read_text() == "11 0 5"
    assert exported.level == 0
    assert exported.what.startswith("3 frames of .ply, the last of 5 dots, without a fit to what is shown")
    assert names(tmp_path) == ["frames", "play.lam"]


def test_a_fit_is_made_where_it_is_asked_for(media: Media, writer: Writer, tmp_path: Path) -> None:
    exported = export(media, tmp_path / "frames", frames=(0, 2), suffix="SPZ", fit_steps=7)
    assert writer.made == [(0, ".spz", 7), (1, ".spz", 7)]
    assert "fit" not in exported.what
    writer.made.clear()
    export(media, tmp_path / "one.ply", frames=(3, 4))
    export(media, tmp_path / "frames", frames=(0, 1))
    assert writer.made == [(3, ".ply", 400), (0, ".ply", 0)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("Ctrl-C"), OSError(28, "No space left on device")])
def test_a_stopped_export_goes_on_with_the_missing_frame(
    media: Media, writer: Writer, tmp_path: Path, error: BaseException
) -> None:
    output = tmp_path / "frames"
    writer.stop_at, writer.error = 5, error
    with pytest.raises(type(error)) as caught:
        export(media, output)
    if isinstance(error, Interrupted):
        assert "5 of 18 frames are in" in str(caught.value)
        assert "the same command goes on" in str(caught.value)
    assert not output.exists()
    part = output.with_name(output.name + PART_SUFFIX)
    assert names(part / "frames") == [f"frame000{number}.ply" for number in range(5)]
    writer.stop_at = None
    writer.made.clear()
    seen: list[Progress] = []
    exported = export(media, output, progress=seen.append)
    assert [frame for frame, _, _ in writer.made] == list(range(5, 18))
    assert "18 frames of .ply, 5 of them found" in exported.what
    assert seen[0].done == pytest.approx(5 / 18)
    assert len(names(output)) == 18
    assert (output / "frame0005.ply").read_text() == "5 1 45"
    assert not part.exists()


def test_another_level_or_format_begins_anew(media: Media, writer: Writer, tmp_path: Path) -> None:
    for number, how in enumerate(({"level": 0}, {"suffix": "spz"}, {"frames": (0, 9)}, {"fit_steps": 3})):
        output = tmp_path / str(number)
        writer.stop_at = 5
        with pytest.raises(KeyboardInterrupt):
            export(media, output)
        writer.stop_at = None
        writer.made.clear()
        export(media, output, **how)
        assert writer.made[0][0] == 0
        assert len({file.suffix for file in output.iterdir()}) == 1


def test_a_stop_before_the_first_frame_leaves_nothing(media: Media, writer: Writer, tmp_path: Path) -> None:
    writer.stop_at, writer.error = 0, Interrupted("Ctrl-C")
    with pytest.raises(Interrupted, match="nothing was written"):
        export(media, tmp_path / "frames")
    assert names(tmp_path) == ["play.lam"]


def test_a_sequence_takes_the_place_of_one_and_of_nothing_else(media: Media, writer: Writer, tmp_path: Path) -> None:
    output = tmp_path / "frames"
    export(media, output)
    export(media, output, frames=(3, 5))
    assert names(output) == ["frame0003.ply", "frame0004.ply"]
    (output / "diary.txt").write_text("mine")
    with pytest.raises(SignalError, match="exists and holds other files"):
        export(media, output)
    assert names(output) == ["diary.txt", "frame0003.ply", "frame0004.ply"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SignalError, match="holds other files"):
        export(media, tmp_path / "file")


def test_two_exports_of_one_folder_do_not_meet(media: Media, writer: Writer, tmp_path: Path) -> None:
    output = tmp_path / "frames"
    with opened_part(output, "another"), pytest.raises(WriteError, match=r"is being written by process \d+"):
        export(media, output)


@pytest.mark.parametrize(
    ("output", "how", "error", "said"),
    [
        ("frames", {"suffix": "obj"}, SignalError, r"written as \.obj; expected \.ply or \.spz"),
        ("one.ply", {"suffix": "spz", "frames": (0, 1)}, SignalError, "for folders of models"),
        ("frames", {"frames": (17, 19)}, TargetError, "frames 17:19 were asked for"),
        ("frames", {"level": 2}, TargetError, "level 2 was asked for"),
        ("frames", {"size": (8, 8)}, SignalError, "it has no size"),
        ("all.ply", {}, SignalError, "18 frames do not fit into one file; use a folder/"),
        ("nowhere/frames", {}, WriteError, "create the folder first"),
    ],
)
def test_rejects_sequences_that_cannot_be(
    media: Media, tmp_path: Path, output: str, how: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        export(media, tmp_path / output, **how)
    assert names(tmp_path) == ["play.lam"]


def test_frames_that_damage_has_lost_are_left_out(writer: Writer, play: Path, tmp_path: Path) -> None:
    with lamina.open(play) as media:
        entry = next(entry for entry in media.stream.entries if entry.key == (3, 0, 12))
    data = bytearray(play.read_bytes())
    data[entry.offset] ^= 1
    play.write_bytes(data)
    with lamina.open(play) as media:
        exported = export(media, tmp_path / "frames")
        assert media.problems
    assert "frame0012.ply" not in names(tmp_path / "frames")
    assert exported.what.startswith(f"{len(names(tmp_path / 'frames'))} frames")
