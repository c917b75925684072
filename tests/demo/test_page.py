# SPDX-License-Identifier: Apache-2.0
"""The page of the demo holds everything itself."""

import json
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from benchmarks.rivals.curves import RatePoint
from demo.exhibits import Curve, Exhibit, Version
from demo.page import write_page
from demo.terminal import print_exhibits

from lamina.codec import StreamInfo
from lamina.media.summary import LevelSummary, Summary


def exhibit(frame_count: int) -> Exhibit:
    frames = [np.full((8, 12, 3), 20 * number, np.uint8) for number in range(frame_count)]
    timed = frame_count > 1
    points = [
        RatePoint(f"level {n}", 100 * (n + 1), 0.1 * (n + 1), 25.0 + n, 0.8, 0.9, 50.0 if timed else None)
        for n in (0, 1)
    ]
    info = StreamInfo(
        "video" if timed else "image",
        12,
        8,
        2,
        frames_per_second=Fraction(10) if timed else None,
        details={"method": "</script>"},
    )
    levels = (LevelSummary(0, 100, 0.1, None, 25.0), LevelSummary(1, 200, 0.2, None, 26.0))
    return Exhibit(
        title="A picture",
        note="from nowhere",
        source=Path(__file__),
        file=Path("picture.lam"),
        command="lamina encode",
        encode_s=1.0,
        frames_per_second=10.0 if timed else None,
        versions=[
            Version("Source", "", frames, None),
            *(Version(f"Level {level}", "lamina", frames, point, level) for level, point in enumerate(points)),
            Version("JPEG", "jpeg", frames, points[1]),
        ],
        curves=[Curve("lamina", "Lamina", points, is_one_file=True), Curve("jpeg", "JPEG", points)],
        summary=Summary(
            "picture.lam",
            200,
            "planar",
            "lam1.planar.1",
            info,
            frame_count,
            None,
            False,
            20,
            levels,
            (),
            None,
            {"colors": 150, "container": 50},
            (),
        ),
    )


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "index.html"
    write_page([exhibit(1), exhibit(3)], [("lamina info picture.lam", "facts")], path)
    return path.read_text()


def test_page_fetches_nothing(page: str) -> None:
    outside = [word for word in re.findall(r"https?://[^\"' )]+", page) if word != "http://www.w3.org/2000/svg"]
    assert not outside
    references = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)
    assert all(reference.startswith("data:") for reference in references)


def test_page_holds_every_version_and_point(page: str) -> None:
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    still, clip = data["exhibits"]
    assert [version["label"] for version in still["versions"]] == ["Source", "Level 0", "Level 1", "JPEG"]
    assert all(version["image"].startswith("data:image/webp;base64,") for version in clip["versions"])
    assert clip["frameCount"] == 3
    assert still["curves"][0]["points"][1]["psnr"] == 26.0
    assert still["details"]["method"] == "</script>"


def test_page_is_complete(page: str) -> None:
    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.append(tag)

    found: list[str] = []
    Tags().feed(page)
    assert {"style", "script", "main", "footer"} <= set(found)
    assert not re.search(r"<!-- (style|script|data|lead) -->", page)


def test_table_names_every_version(capsys: pytest.CaptureFixture[str]) -> None:
    print_exhibits([exhibit(3)])
    output = capsys.readouterr().out
    assert "Lamina, level 1" in output
    assert "JPEG" in output
    assert "VMAF" in output
