# SPDX-License-Identifier: Apache-2.0
"""Calls: a codec's model and its frames as datagrams, from one machine to another while it happens.

    pictures - coder -> packets ─┐                              ┌─ packets - decoder -> models - renderer -> pictures
    units sent once - pieces  ───┴─ datagrams ~~ UDP ~~> ───────┴─ pieces -> units
                                 <~~ what came ~~ feedback

A packet of a frame needs the model alone, or a frame that the receiver has said it has: a loss costs its own frame.
The model travels beside, coarse layers first, round and round until it is there. Nothing asks which codec it is.

Read in this order: syntax (datagrams on the wire) · datagrams (checked) · pieces (the model) · outbox (what a sender
does, without a socket) · inbox (what a receiver does, without one) · ordering · addresses · sources · calling (sender
and clock) · watching (receiver and pictures).
"""
