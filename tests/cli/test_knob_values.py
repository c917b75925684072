# SPDX-License-Identifier: Apache-2.0
"""Fields by their names: those of a part that only some presets have; what is on is turned off; a typo is said."""

import pytest

from lamina.cli.knobs import with_knobs
from lamina.codecs.head.config import PRESETS


def test_fields_of_a_part_that_the_preset_has() -> None:
    config = with_knobs(PRESETS["paper"], ["--network.width", "32", "--motion.dimensions", "30"])
    assert (config.network.width, config.motion.dimensions) == (32, 30)


def test_what_is_on_is_turned_off() -> None:
    assert with_knobs(PRESETS["paper"], ["--network.is-deflated", "False"]).network.is_deflated is False


def test_fields_of_a_part_that_the_preset_lacks_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"no option '--network\.width'"):
        with_knobs(PRESETS["default"], ["--network.width", "32"])


def test_values_out_of_range_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"network\.parameter_bits is 20, expected 2\.\.\.12"):
        with_knobs(PRESETS["paper"], ["--network.parameter-bits", "20"])
