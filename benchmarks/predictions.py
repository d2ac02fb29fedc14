"""What `lcom predict` finds of known ground states that the networks have not seen, beside its parts and a look into the training data.

    python benchmarks/predictions.py [--networks shipped] [--compounds data/validation.csv] [--elements 3] [--most 40]
        [--formulas CaO SrTiO3 …] [--options '{"starts": 32}'] [--each]

Of each compound six crystals in the order of `lcom predict`: of all that it finds; without what descents, look-ups or the search find; and
of each of these alone; and six and twelve looked up, as they are: the lowest of the nearest training compositions, atoms swapped (the
control, no network). Right is a crystal at most 25 meV/atom above the known ground state by CHGNet, which relaxes that, and of the same
structure (RMSE < 0.1): the first, any of them, and, after a relaxation of all by CHGNet, the lowest of them (or one that is lower than the
known one in energy). Printed with the standard error of a share. --each prints a line for every compound: space groups of the known ground
state, of the first prediction, and of the one that is lowest after CHGNet, as it was before; that one's energy then above the known one in
meV/atom; and which of the three are right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from attribution import LOWER, STRICT
from columns import unseen_compounds
from matching import rmses

from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.formula import read_formula
from lcom.matching import SAME_RMSE
from lcom.prediction.options import Options
from lcom.prediction.possible import Possible
from lcom.prediction.rank import distinct, refine, refined
from lcom.prediction.run_folder import run_folder, training_set
from lcom.prediction.search import Search, plan
from lcom.starts.lookup import analogues

KEEP = 6
DESCENTS, LOOK_UPS, SEARCH = 0, 1, 2  # what `Finder.find` gives
PARTS = {
    "`lcom predict`": (DESCENTS, LOOK_UPS, SEARCH),
    "without descents": (LOOK_UPS, SEARCH),
    "without look-ups": (DESCENTS, SEARCH),
    "without the search": (DESCENTS, LOOK_UPS),
    "descents alone": (DESCENTS,),
    "look-ups alone": (LOOK_UPS,),
    "the search alone": (SEARCH,),
}
LOOKED_UP = {"six looked up, as they are": KEEP, "twelve looked up, as they are": 2 * KEEP}
COLUMNS = ("first", "any", "lowest after CHGNet")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", default="shipped")
    parser.add_argument("--compounds", type=Path, default=Path("data/validation.csv"))
    parser.add_argument("--elements", type=int, help="compounds of so many elements")
    parser.add_argument("--most", type=int, help="so many of them, evenly spread over the table")
    parser.add_argument("--formulas", nargs="+", help="these of the table alone")
    parser.add_argument("--each", action="store_true", help="a line for every compound, too")
    parser.add_argument("--options", default="{}", help="JSON: of lcom.prediction.options")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = run_folder(args.networks)
    compounds = unseen_compounds(folder, args.compounds, args.elements, args.most)
    compounds = [c for c in compounds if not args.formulas or c.formula in args.formulas]
    options = Options(keep=KEEP, networks=args.networks, **json.loads(args.options))
    finder, possible = Search(folder, options).finder, Possible.load(training_set(folder))
    potential, refused = Potential(), 0
    rows: dict[str, list[list[bool]]] = {name: [] for name in (*PARTS, *LOOKED_UP)}
    for compound in compounds:
        formula = read_formula(compound.formula)
        try:
            found = finder.find([(formula, possible.sizes(formula))], plan(options))[formula.name]
        except ValueError:
            found, refused = [[], [], []], refused + 1
        pool: dict[int, Crystal] = {}  # each once
        ranked: list[list[int]] = []
        for kinds in PARTS.values():
            kept = distinct(refined((one for k in kinds for one in found[k]), finder.handicap), KEEP)
            pool |= {id(one): best.crystal for one, best in kept}
            ranked.append([id(one) for one, _ in kept])
        try:
            known = analogues(finder.train, [compound.numbers], finder.volumes, max(LOOKED_UP.values()))
        except ValueError:
            known = []
        pool |= {id(crystal): crystal for crystal in known}
        ranked += [[id(crystal) for crystal in known[:count]] for count in LOOKED_UP.values()]
        right = dict(zip(pool, judged(compound.crystal(), list(pool.values()), potential), strict=True))
        parts = [np.array([right[key] for key in keys]) for keys in ranked]
        for row, part in zip(rows.values(), parts, strict=True):
            row.append(marks(part))
        if args.each and len(parts[0]):
            first, lowest = parts[0], int(parts[0][:, 2].argmin())
            shown = (compound.crystal(), pool[ranked[0][0]], pool[ranked[0][lowest]])
            names = [refine(crystal).symbol for crystal in shown]
            energy = f"{1000 * first[lowest, 2]:z.0f}"
            print(
                f"| {compound.formula} | {' | '.join(names)} | {energy} | {' | '.join(map(word, marks(first)))} |",
                flush=True,
            )
    print(f"\n{len(compounds)} compounds; {refused} of them refused")
    print(f"| | {' | '.join(COLUMNS)} |\n|---|---|---|---|")
    for name, found in rows.items():
        shares = np.mean(found, axis=0)
        cells = [f"{p:.2f} ± {np.sqrt(p * (1 - p) / len(found)):.2f}" for p in shares]
        print(f"| {name} | {' | '.join(cells)} |")


def word(right: bool) -> str:
    return "right" if right else "–"


def judged(known: Crystal, found: list[Crystal], potential: Potential) -> np.ndarray:
    """Of each crystal whether it is right as it is, whether it is (or is lower than the known one) after a relaxation, and its energy then
    above the known ground state, inf without one, [M, 3]; all are relaxed with that, in one batch."""
    if not found:
        return np.zeros((0, 3))
    state, *ends = relax([known, *found], potential)
    begun = np.array([e.energy for e in potential(found)]) - state.energy
    above = np.array([r.energy if r.ok else np.inf for r in ends]) - state.energy
    same, then = (rmses(c, [state.crystal] * len(c)) < SAME_RMSE for c in (found, [r.crystal for r in ends]))
    return np.stack([(begun <= STRICT) & same, (above <= STRICT) & then | (above < -LOWER), above], axis=1)


def marks(column: np.ndarray) -> list[bool]:
    """COLUMNS of crystals in their order, of which `judged` has said this."""
    if not len(column):
        return [False] * len(COLUMNS)
    return [bool(column[0, 0]), bool(column[:, 0].any()), bool(column[column[:, 2].argmin(), 1])]


if __name__ == "__main__":
    main()
