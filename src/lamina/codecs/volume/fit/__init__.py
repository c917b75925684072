# SPDX-License-Identifier: Apache-2.0
"""The encoder of the volume codec: nothing here is reached by a decoder."""
