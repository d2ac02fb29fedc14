"""The structures of data/validation.csv against CHGNet: typing errors show in the volume, swapped elements in the energy.

    python benchmarks/validation.py [FORMULA …]

Each listed structure is relaxed by the embedded data's generator (CHGNet r2scan). The table has those that change their
volume by more than 8 % or their space group, and those with a lower energy (over 5 meV/atom) when elements with equal
counts trade places. A quarter of an hour of one core.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from lcom.compounds import Compound, load_compounds, parse_formula, space_group_number
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.structure_types import PROTOTYPES

TABLE = Path(__file__).parents[1] / "data" / "validation.csv"


def swapped(compound: Compound) -> list[Crystal]:
    """The structure with its elements in other places, proportions kept."""
    prototype, numbers = PROTOTYPES[compound.prototype], list(parse_formula(compound.formula))
    counts = prototype.proportions
    orders = [p for p in itertools.permutations(range(len(numbers))) if tuple(counts[k] for k in p) == counts][1:]
    free = dict(compound.free)
    return [prototype.build([numbers[k] for k in p], compound.cell, free).canonical() for p in orders]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formulas", nargs="*")
    torch.set_num_threads(1)
    potential = Potential()
    compounds = sorted(load_compounds(TABLE, parser.parse_args().formulas), key=lambda c: c.n_atoms)
    starts = [compound.crystal() for compound in compounds]
    changes, kept = [], 0
    print("| compound | type | volume | space group | swapped |\n|---|---|---|---|---|")
    for compound, start, end in zip(compounds, starts, relax(starts, potential), strict=True):
        change = end.crystal.volume / start.volume - 1
        group = space_group_number(end.crystal, symprec=0.05)
        others = [r.energy - end.energy for r in relax(swapped(compound), potential) if r.ok]
        lowest = 1000 * min(others, default=np.inf)
        changes.append(abs(change))
        kept += group == compound.space_group
        if abs(change) > 0.08 or group != compound.space_group or lowest < -5 or not end.ok:
            traded = f"{lowest:+.0f} meV/atom" if lowest < -5 else ""
            groups = f"{compound.space_group} → {group}" if group != compound.space_group else f"{group}"
            row = (compound.formula, compound.prototype, f"{change:+.1%}", groups, traded or end.reason)
            print(f"| {' | '.join(row)} |", flush=True)
    changes = np.array(changes)
    print(
        f"\n{len(changes)} structures: volume within 8 % {(changes <= 0.08).sum()}, within 4 % {(changes <= 0.04).sum()},"
    )
    print(f"median change {np.median(changes):.1%}; {kept} keep their space group.")


if __name__ == "__main__":
    main()
