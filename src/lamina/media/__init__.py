# SPDX-License-Identifier: Apache-2.0
"""Files of any codec, whole: what stands behind `lamina.encode`, `lamina.open` and the command line.

    source ─ sources ─► signal ─ encoding ─► file
    file ─ reading ─► Media ─► models, frames, pixels
    file ─ summary ─► facts        file ─ digest ─► hashes     file, source ─ comparison ─► quality of each level

Nothing here knows what a unit holds. Read in this order: reading · summary · digest · sources · job · encoding ·
comparison.
"""
