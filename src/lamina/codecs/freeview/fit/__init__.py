# SPDX-License-Identifier: Apache-2.0
"""The encoder's side of freeview: never imported by decoders."""
