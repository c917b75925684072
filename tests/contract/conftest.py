# SPDX-License-Identifier: Apache-2.0
"""The stand-ins stand beside the package's codecs; each sample is coded once."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import lamina.codecs
from lamina.media.encoding import encode_signal
from samples import Sample, of_codecs, stand_ins

SAMPLES = (*stand_ins(), *of_codecs())


@pytest.fixture(autouse=True, scope="session")
def _stand_ins_are_codecs() -> Iterator[None]:
    before = lamina.codecs.CODECS
    others = {sample.codec.name: sample.codec for sample in stand_ins()}
    lamina.codecs.CODECS = (*before, *others.values())
    yield
    lamina.codecs.CODECS = before


@pytest.fixture(scope="session", params=SAMPLES, ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


@pytest.fixture(scope="session")
def coded(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's file."""
    path = tmp_path_factory.mktemp("contract") / "coded.lam"
    encode_signal(sample.signal(), path, sample.codec, sample.config).close()
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: exit status, standard output, standard error."""
    from lamina.cli import main

    def call(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        output, errors = capsys.readouterr()
        return status, output, errors

    return call
