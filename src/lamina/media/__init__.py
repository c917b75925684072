# SPDX-License-Identifier: Apache-2.0
"""Files of any codec, whole: what stands behind `lamina.encode`, `lamina.open` and the command line.

    source ─ sources ─► signal ─ configuring, job, encoding ─► file
    file ─ decoding, reading ─► Media ─► models, frames, pixels
    file ─ delivery, summary ─► facts        file ─ digest ─► hashes
    file, source ─ over_time, comparison ─► quality of each level ─ plotting ─► a picture of it
    Media ─ export, sequence ─► pictures, clips, models of others   Media, cameras ─ shots, filming ─► pictures, films

Nothing here knows what a unit holds, which codec wrote it, or of what type a signal is. Read in this order: decoding ·
reading · delivery · summary · digest · sources · configuring · timing · job · encoding · over_time · comparison ·
plotting · export · sequence · shots · filming.
"""
