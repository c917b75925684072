# SPDX-License-Identifier: Apache-2.0
from benchmarks.method_tables import ablation_table, kernel_table


def test_ablation_table_shows_top_and_base_level_and_what_joint_training_wins() -> None:
    figures = {
        "kodim01": {"joint": {"psnr_db": [22.0, 24.0, 26.0]}, "sequential": {"psnr_db": [23.0, 24.0, 25.0]}},
        "kodim08": {"joint": {"psnr_db": [20.0, 22.0, 24.0]}},
    }
    lines = ablation_table(figures).splitlines()
    assert lines[0].startswith("| picture | joint dB | sequential dB |")
    assert lines[2] == "| kodim01 | 26.00 (22.00) | 25.00 (23.00) | +1.00 | 4.3 % |"
    assert lines[3] == "| kodim08 | 24.00 (20.00) | – | – | – |"
    assert lines[4] == "| **mean** | **25.00** | **25.00** | +1.00 | 4.3 % |"


def test_kernel_table_has_a_row_for_each_case_and_leaves_out_facts_of_the_machine() -> None:
    case = {
        "kernel_ms": 15.0,
        "twin_ms": 600.4,
        "twin_over_kernel": 40.03,
        "forward_instruction_share_of_peak": 0.672,
        "backward_instruction_share_of_peak": 0.61,
    }
    lines = kernel_table({"1 threads": {"peak_gflops": 118.0, "made up": case}}, "instruction").splitlines()
    assert lines[2:] == ["| 1 threads | made up | 15.00 | 600 | 40 | 67 % | 61 % |"]
