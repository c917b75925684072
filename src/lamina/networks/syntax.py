# SPDX-License-Identifier: Apache-2.0
"""The head of a hash grid on the wire; its signs follow, entropy coded (coding.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Array, Syntax, UInt
from lamina.networks.hash_layout import MAX_FEATURES, MAX_LEVELS, MAX_LOG2_TABLE, MAX_NODES, HashGridSpec


@dataclass(frozen=True, slots=True)
class HashGridHead(Syntax):
    """Shape of a hash grid."""

    nodes_3d: Annotated[tuple[int, ...], Array(UInt(12, minimum=3, maximum=MAX_NODES), MAX_LEVELS)]
    """Nodes an axis of each volume level."""
    nodes_2d: Annotated[tuple[int, ...], Array(UInt(12, minimum=3, maximum=MAX_NODES), MAX_LEVELS)]
    """Nodes an axis of each level of the planes xy, xz, yz."""
    log2_table_3d: Annotated[int, UInt(5, minimum=3, maximum=MAX_LOG2_TABLE)]
    """A volume level has at most 2 to this entries."""
    log2_table_2d: Annotated[int, UInt(5, minimum=3, maximum=MAX_LOG2_TABLE)]
    """A plane's level has at most 2 to this entries."""
    feature_count: Annotated[int, UInt(4, minimum=1, maximum=MAX_FEATURES)]
    """Signs an entry."""

    def check(self) -> None:
        """There is a level, and not too many signs."""
        self.spec()

    def spec(self) -> HashGridSpec:
        """The shape that this declares.

        Raises:
            ValueError: no levels, or too many signs.
        """
        return HashGridSpec(self.nodes_3d, self.nodes_2d, self.log2_table_3d, self.log2_table_2d, self.feature_count)

    @classmethod
    def of(cls, spec: HashGridSpec) -> HashGridHead:
        """The head that declares a shape."""
        return cls(spec.nodes_3d, spec.nodes_2d, spec.log2_table_3d, spec.log2_table_2d, spec.feature_count)
