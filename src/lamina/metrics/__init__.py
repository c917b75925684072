# SPDX-License-Identifier: Apache-2.0
"""What was coded and what was decoded enter as 8-bit pixels; one number leaves.

PSNR, SSIM and MS-SSIM of pictures, VMAF of clips, BD-rate of curves. Read in this order: psnr · ssim · bd_rate · vmaf.
"""

from lamina.metrics.bd_rate import bd_psnr, bd_rate
from lamina.metrics.ffmpeg import find_ffmpeg
from lamina.metrics.psnr import finite_db, mean_psnr, mean_squared_error, psnr
from lamina.metrics.ssim import ms_ssim, scale_count, ssim
from lamina.metrics.vmaf import VmafScore, vmaf

__all__ = [
    "VmafScore",
    "bd_psnr",
    "bd_rate",
    "find_ffmpeg",
    "finite_db",
    "mean_psnr",
    "mean_squared_error",
    "ms_ssim",
    "psnr",
    "scale_count",
    "ssim",
    "vmaf",
]
