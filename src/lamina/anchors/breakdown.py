# SPDX-License-Identifier: Apache-2.0
"""Payloads of anchors enter, where their bytes go leaves; nothing is decoded. No torch."""

from __future__ import annotations

from lamina.anchors.syntax import SHARES, AnchorNetworks, LayerHead

STREAM_PARTS = ("tree", "masks", "features", "scalings")
"""What a layer's stream holds, in order; offsets are the rest."""


def network_bytes(payload: bytes, start: int) -> dict[str, int]:
    """Of a header unit whose networks begin at `start`; they sum to its length.

    Raises:
        BitstreamError: the networks' head is damaged.
    """
    networks = AnchorNetworks.unpack(payload, start)[0]
    parts = {
        "generators": len(networks.heads),
        "context networks": len(networks.context),
        "hash grid": len(networks.hash_grid),
    }
    return {"headers": len(payload) - sum(parts.values()), **parts}


def layer_bytes(payload: bytes, start: int = 0) -> dict[str, int]:
    """Of a layer that begins at `start`; what is before it counts as headers.

    Inside the stream the split is the encoder's measurement.

    Raises:
        BitstreamError: the layer's head is damaged.
    """
    head, end = LayerHead.unpack(payload, start)
    stream = len(payload) - end
    parts = {name: stream * share // SHARES for name, share in zip(STREAM_PARTS, head.shares, strict=True)}
    return {"headers": end, **parts, "offsets": stream - sum(parts.values())}
