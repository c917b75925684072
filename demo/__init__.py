# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a photograph, a clip, a scene and one that moves enter; what leaves stands in demo_output/.

That is: layered files, a page to look at, and a table.

    source ─ lamina ─► file ─ each level ─► Version ┐
    source ─ other codecs ─► file ─► Version, curve ┴─► Exhibit ─► page (one self-contained HTML file), terminal

Read in this order: exhibits · photograph · clip · robot · free_view · page · terminal · __main__.
"""
