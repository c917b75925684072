# SPDX-License-Identifier: Apache-2.0
"""Tables of talking heads: each variant, rate and level has a row; what was not measured has none."""

from benchmarks.head_tables import PAPERS, STAGES, clip_report, paper_table, rivals_table, variants_table


def variant(attributes: int, network: int, **more: object) -> dict:
    """As `benchmarks.head` writes one."""
    learning = {
        "model_bytes": [9_000, 80_000], "cpu_s": 12.0,
        "parts_bytes": {"on the head": attributes, "network": network}, **more,
    }  # fmt: skip
    point = {"kbps": [1.5, 2.5], "psnr": [30.0, 35.0], "ssim": [0.9, 0.95], "coding_cpu_s_per_frame": 0.1}
    return {"learning": learning, "points": {"steps x 1": point, "steps x 2": point}}


def test_a_row_a_variant_rate_and_level() -> None:
    rows = variants_table({"default": variant(1, 2), "rivals": {}}).splitlines()[2:]
    assert len(rows) == 4
    assert rows[1].startswith("| default | steps x 1 | 1 | 80 | 2.50 | 35.00 | 0.950 | 12 | 100 |")
    assert variants_table({"rivals": {}}) == ""


def test_the_papers_table_has_both_and_takes_what_was_not_deflated() -> None:
    own = variant(170_000, 420_000, inflated_bytes={"on the head": 200_000, "network": 500_000})
    table = paper_table({"paper": own, "paper, + LR": variant(420_000, 1_400_000)})
    assert "| + LR | 0.420 (0.42) | 1.400 (1.4) | 1.820 | 30.00 (33.39) |" in table
    assert "| + QE | 0.200 (0.2) | 0.500 (0.5) | 0.700 |" in table
    assert "| + LZ77 | 0.170 (0.17) | 0.420 (0.42) | 0.590 |" in table
    assert "Uncompressed" not in table
    assert {stage for stage, _ in STAGES} == set(PAPERS)


def test_other_encoders_have_the_rates_that_they_reached() -> None:
    point = {"asked_kbps": 0.5, "kbps": 7.12, "psnr": 24.5, "ssim": 0.7}
    table = rivals_table({"x265": [point, {**point, "asked_kbps": 1.0}]})
    assert table.splitlines()[-1] == "| x265 | 7.1: 24.50, 0.700 |"
    assert clip_report({}) == ""
