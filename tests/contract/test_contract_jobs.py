# SPDX-License-Identifier: Apache-2.0
"""What holds for encodes with every codec: stops, kills, full disks, two at once; choices that are refused."""

import errno
from dataclasses import fields, replace
from pathlib import Path

import pytest

import lamina
from lamina.codec import Choices, Progress, Target
from lamina.errors import Interrupted, WriteError
from lamina.media.configuring import TARGET_KINDS, configured
from lamina.media.encoding import encode_signal
from lamina.media.job import PART_SUFFIX
from samples import Sample


class StopAt:
    """Stops a fit at a share of the job; remembers what it saw."""

    def __init__(self, share: float, error: BaseException) -> None:
        self.share, self.error = share, error
        self.seen: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.seen.append(progress)
        if progress.done >= self.share:
            raise self.error


def encode(sample: Sample, path: Path, progress=None) -> None:
    encode_signal(sample.signal(), path, sample.codec, sample.config, progress).close()


def part_of(path: Path) -> Path:
    return path.with_name(path.name + PART_SUFFIX)


def test_a_stopped_encode_goes_on_to_the_same_file(sample: Sample, coded: Path, tmp_path: Path) -> None:
    for number, share in enumerate(sample.stops):
        path = tmp_path / f"{number}.lam"
        with pytest.raises(Interrupted, match=r"the same command goes on|nothing was written"):
            encode(sample, path, StopAt(share, Interrupted("test")))
        assert not path.exists()
        encode(sample, path)
        assert path.read_bytes() == coded.read_bytes()
        assert not part_of(path).exists()


def test_a_killed_encode_goes_on_to_the_same_file(sample: Sample, coded: Path, tmp_path: Path) -> None:
    for number, share in enumerate(sample.stops):
        path = tmp_path / f"{number}.lam"
        with pytest.raises(KeyboardInterrupt):
            encode(sample, path, StopAt(share, KeyboardInterrupt()))
        assert not path.exists()
        assert part_of(path).is_dir()
        encode(sample, path)
        assert path.read_bytes() == coded.read_bytes()
        assert [place.name for place in tmp_path.iterdir() if place.name.startswith(str(number))] == [path.name]


def test_a_file_that_could_not_be_written_is_written_without_another_fit(
    sample: Sample, coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "out.lam"
    path.write_bytes(b"what was there before")
    journal = part_of(path) / "stream.lam"
    with monkeypatch.context() as patch:
        # Checkpoints are written in the same way: only the last write must fail.
        patch.setattr("lamina.bitstream.journal.write_indexed", lambda *_: full(0))
        with pytest.raises(OSError, match="No space left"):
            encode(sample, path)
    assert path.read_bytes() == b"what was there before"
    with lamina.open(journal) as media:
        assert media.frame_count == sample.signal().frame_count
    made: list[object] = []
    fit = sample.codec.fit

    def watched(*arguments):
        for part in fit(*arguments):
            made.append(part)
            yield part

    again = replace(sample.codec, fit=watched)
    encode_signal(sample.signal(), path, again, sample.config).close()
    assert made == []
    assert path.read_bytes() == coded.read_bytes()
    assert not part_of(path).exists()


def test_the_second_encode_of_one_output_says_who_holds_it(sample: Sample, coded: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.lam"
    refused: list[str] = []

    def another(progress: Progress) -> None:
        if not refused:
            with pytest.raises(WriteError, match=r"is being encoded by process \d+") as caught:
                encode(sample, path)
            refused.append(str(caught.value))

    encode(sample, path, another)
    assert len(refused) == 1
    assert path.read_bytes() == coded.read_bytes()


def test_another_configuration_or_signal_begins_anew(sample: Sample, coded: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.lam"
    with pytest.raises(KeyboardInterrupt):
        encode(sample, path, StopAt(sample.stops[-1], KeyboardInterrupt()))
    fields = {name: value for name, value in sample.fields.items() if name != "level_count"}
    other = configured(sample.codec, Choices(sample.preset, level_count=1), fields)
    with encode_signal(sample.signal(), path, sample.codec, other) as media:
        assert media.level_count == 1
    assert path.read_bytes() != coded.read_bytes()


def test_presets_and_options_are_there(sample: Sample) -> None:
    codec = sample.codec
    assert {"default", "fast"} <= set(codec.presets)
    for config in codec.presets.values():
        names = {field.name for field in fields(config)}
        assert set(codec.options) <= names
        assert configured(codec, Choices(level_count=1)) != configured(codec, Choices())
    assert sample.signal().medium in codec.signals


def test_targets_are_those_that_it_declares(sample: Sample) -> None:
    plain = configured(sample.codec, Choices())
    for kind in TARGET_KINDS:
        choices = Choices(target=Target(kind, 123.0))
        if kind in sample.codec.targets:
            assert configured(sample.codec, choices) != plain
        else:
            with pytest.raises(ValueError, match=f"{kind} means nothing to {sample.codec.name}, which takes"):
                configured(sample.codec, choices)


def test_rejects_presets_and_levels_that_are_not_there(sample: Sample) -> None:
    with pytest.raises(ValueError, match="did you mean 'default'"):
        configured(sample.codec, Choices("defualt"))
    with pytest.raises(ValueError, match=r"99, expected 1"):
        configured(sample.codec, Choices(level_count=99))
