# SPDX-License-Identifier: Apache-2.0
"""The scene encoder, never imported by its decoder: finish (integers and quality) · rate_control · fit."""
