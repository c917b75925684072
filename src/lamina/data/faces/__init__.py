# SPDX-License-Identifier: Apache-2.0
"""Faces in pictures: where they are, how they are turned, what they express. For encoders; nothing leaves this process.

    picture ─ detection ─► box ─ landmarks ─► 478 points, blendshapes ─ alignment ─► pose, expression ─ gaze ─► Face
    picture ─ person ─► mask of the person

`template` is the mean head that decoders share (ICT-FaceKit, MIT). The networks are MediaPipe's (Apache-2.0), run by
LiteRT, which is imported when the first picture is looked at. Read in this order: template · identity · networks ·
detection · landmarks · person · alignment · shape · gaze · tracking.
"""
