# SPDX-License-Identifier: Apache-2.0
"""Models -> pixels: readable renderers and their fast twins."""
