# SPDX-License-Identifier: Apache-2.0
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from benchmarks.result_files import add_figures, data_folder, read_figures


def test_figures_of_runs_side_by_side_are_all_kept(results):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add_figures("stills", {}, f"p{n % 3}", {f"bpp={n}": n}), range(9)))
    figures = read_figures("stills")
    assert list(figures) == ["p0", "p1", "p2"]
    assert sorted(value for values in figures.values() for value in values.values()) == list(range(9))


def test_added_figures_replace_those_of_the_same_name(results):
    add_figures("stills", {"preset": "fast"}, "a", {"bpp=1": 1, "bpp=2": 2})
    add_figures("stills", {"preset": "fast"}, "a", {"bpp=2": 3})
    assert read_figures("stills") == {"a": {"bpp=1": 1, "bpp=2": 3}}
    record = json.loads((results / "stills.json").read_text())
    assert record["settings"] == {"preset": "fast"}
    assert record["commit"]


def test_read_figures_of_nothing_is_empty(results):
    assert read_figures("not measured") == {}


def test_data_folder_rejects_a_place_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMINA_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="LAMINA_DATA"):
        data_folder()
