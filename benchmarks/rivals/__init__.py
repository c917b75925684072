# SPDX-License-Identifier: Apache-2.0
"""Other people's codecs, run and measured as Lamina is: pixels enter, rate-quality curves leave.

Read in this order: curves · jpeg2000 · stills (pictures) · ffmpeg_codecs · clips (video). Every size is that of a whole
file, and every quality is measured on the 8-bit RGB pixels that the file decodes to (DESIGN.md, 5.10).
"""
