# SPDX-License-Identifier: Apache-2.0
"""The planar encoder, never imported by the decoder: signal (pictures and clips as frames) · fit (which method)."""
