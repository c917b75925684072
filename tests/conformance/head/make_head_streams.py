# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the head codec from made-up integers; .lam files leave.

python tests/conformance/head/make_head_streams.py            makes the streams that are missing
python tests/conformance/head/make_head_streams.py --remake   also those that do not decode to what is pinned
python tests/conformance/head/make_head_streams.py --check    changes nothing, compares
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "codecs" / "head"))

from head_samples import facts_of, parts_of
from networked_head_samples import networked_parts
from pinned_streams import PinnedStreams

from lamina.codecs.head import CODEC

STREAMS = PinnedStreams(
    CODEC,
    Path(__file__).with_name("streams.json"),
    {
        "two_layers": lambda: CODEC.encode(parts_of(facts_of(), 4, 3)),
        "three_layers": lambda: CODEC.encode(parts_of(facts_of(3, 3, 7, 30, seed=5), 6)),
        "one_layer": lambda: CODEC.encode(parts_of(facts_of(1, 1, 4, 60, seed=7), 2, 1)),
        "networked": lambda: CODEC.encode(networked_parts(4, 3)),
        "networked_floats": lambda: CODEC.encode(
            networked_parts(3, gaussians=12, deflated=False, is_quantized=False, has_latents=False, parameter_bits=10)
        ),
        "nothing_behind": lambda: CODEC.encode(parts_of(facts_of(2, seed=9), 3, with_still=False)),
    },
)

if __name__ == "__main__":
    sys.exit(STREAMS.main(__doc__))
