# SPDX-License-Identifier: Apache-2.0
"""The lattice method's encoder, never imported by its decoder.

Read in this order: kernels · canvas · color_solver · placement · optimize (the fit) · freeze · refine (to integers) ·
picture · rate_control · key_frame (with checkpoint) · motion_search · alignment · predict · settle · budget ·
look_ahead · clip · fit.
"""
