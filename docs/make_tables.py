# SPDX-License-Identifier: Apache-2.0
"""Write docs/tables.json, the integer tables that decoders need and that only big integers or many digits give.

Enters: the functions that compute them. Leaves: their values, so that a decoder in another language reads them instead
of computing them; `--check` says if the file is stale.

    python docs/make_tables.py [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from lamina.anchors.context import layout
from lamina.atomic import replacing
from lamina.codecs.planar.lattice import priors, steps
from lamina.entropy import mixing
from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.entropy.split import split_table
from lamina.networks.coding import magnitude_thresholds

TABLES: Final = Path(__file__).with_name("tables.json")


def tables() -> dict[str, Any]:
    """Each table by the module whose formula it is, with what its numbers mean."""
    squash, stretch, rates = mixing.stored_tables()
    gaussian = gaussian_tables()
    rows = np.split(gaussian.cumulative, gaussian.offsets[1:-1])
    scales, inverses = layout.scale_tables()
    bins, grids = steps.stored_tables()
    return {
        "lamina.entropy.gaussian_tables": {
            "meaning": "row i: smallest value, frequencies from there on, last that of the escape; of 65536",
            "rows": [
                {"low": int(low), "frequencies": np.diff(row.astype(np.int64)).tolist()}
                for low, row in zip(gaussian.lows, rows, strict=True)
            ],
        },
        "lamina.entropy.mixing": {
            "meaning": "knots of squash; stretch by probability in 1/4096; rates by bits seen, of 2**15",
            "squash": squash.tolist(),
            "stretch": stretch.tolist(),
            "rates": rates.tolist(),
        },
        "lamina.entropy.split": {
            "meaning": "cumulative frequencies by shape: rows for totals 1...128, then that of the 64 buckets",
            "shapes": {str(shape): split_table(shape).tolist() for shape in sorted(set(priors.SPLIT_SHAPES))},
        },
        "lamina.networks.coding": {
            "meaning": "mean magnitudes, in 2**-16, from which the next table is used",
            "thresholds": magnitude_thresholds().tolist(),
        },
        "lamina.anchors.context.layout": {
            "meaning": "scales of tables in 2**-10 and their inverses in 2**-16; steps in 2**-14 by group and e + 40, "
            "and log2 of them in 2**-10",
            "scales": scales.tolist(),
            "inverses": inverses.tolist(),
            "steps": layout.step_table().tolist(),
            "log2_steps": layout.log2_step_table().tolist(),
        },
        "lamina.codecs.planar.lattice.steps": {
            "meaning": "by rho in 1/256: 64 pi sinh(2 rho) * 256, and log2(cosh 2 rho) / 2 * 65536",
            "bins": bins.tolist(),
            "grids": grids.tolist(),
        },
    }


def as_text(found: Mapping[str, Any]) -> str:
    """One line a table, so that a change shows where it is."""
    modules: list[str] = []
    for module, named in found.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in named.items()]
        modules.append(f" {json.dumps(module)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(modules) + "\n}\n"


def main() -> int:
    """Write, or compare; 1 when stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the file is stale")
    text = as_text(tables())
    if parser.parse_args().check:
        if TABLES.read_text("utf-8") == text:
            return 0
        print("docs/tables.json is stale: run python docs/make_tables.py", file=sys.stderr)
        return 1
    with replacing(TABLES) as file:
        file.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
