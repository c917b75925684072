# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from benchmarks.rivals import check_splat_files, splat_transform
from benchmarks.rivals.splat_files import measure_files, own_views

from lamina.data.splats import read_sog

SAMPLE = Path(__file__).parents[1] / "samples" / "splats" / "robot_300.sog"


def test_sizes_and_quality_of_files(tmp_path: Path) -> None:
    cloud = read_sog(SAMPLE)
    figures = measure_files(cloud, own_views(cloud), tmp_path)
    assert list(figures) == ["ply", "spz", "spz_fine"]
    assert figures["ply"].bytes == (tmp_path / "gaussians.ply").stat().st_size
    assert figures["ply"].psnr == 100
    assert figures["spz"].bytes < figures["spz_fine"].bytes < 0.3 * figures["ply"].bytes
    assert 30 < figures["spz"].psnr <= figures["spz_fine"].psnr + 1 < 60


def test_differences_see_through_the_sign_of_a_rotation() -> None:
    cloud = read_sog(SAMPLE)
    turned = cloud.selected(np.arange(300))
    turned.rotations[:] *= np.float32(-2)
    assert splat_transform.largest_differences(cloud, turned)["rotations"] < 1e-6
    turned.rotations[7] = (0, 0, 0, 1)
    assert splat_transform.largest_differences(cloud, turned)["rotations"] > 0.1
    with pytest.raises(ValueError, match="300 of degree 2 against 300 of degree 1"):
        splat_transform.largest_differences(cloud, cloud.with_degree(1))


@pytest.mark.data
def test_other_tools_read_what_we_write(tmp_path: Path) -> None:
    tool = splat_transform.find_tool()
    if tool is None:
        pytest.skip(f"splat-transform is not installed: {splat_transform.INSTALL}")
    cloud = check_splat_files.made_up_cloud(degree=3, count=300)
    for what, differences in check_splat_files.compare(tool, cloud, tmp_path):
        assert max(differences.values()) < check_splat_files.TOLERANCE, what
