"""What `lcom predict` finds of known ground states that the networks have not seen, beside a look into the training data.

    python benchmarks/predictions.py [--networks shipped] [--compounds data/validation.csv] [--elements 3] [--most 40]
        [--formulas CaO SrTiO3 …] [--options '{"starts": 32}'] [--each]

Of each compound six crystals are predicted, as `lcom predict` ranks them, without what a search finds, and by the descents alone, and six
and twelve looked up: the lowest of the nearest training compositions, atoms swapped (the control, no network). Right is a crystal at most
25 meV/atom above the known ground state by CHGNet, which relaxes that, and of the same structure (RMSE < 0.1): the first, any of them,
and, after a relaxation of all by CHGNet, the lowest of them (or one that is lower than the known one in energy). "Six of each" are the
descents' and the looked up, which `--relax chgnet` relaxes: what descents add at equal relaxations is that row less the twelve looked up.
Printed with the standard error of a share. --each prints a line for every compound: space groups of the known ground state and of the
first and, after the relaxation, the lowest prediction, with its energy above the known one in meV/atom, and which of the three are right.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from attribution import LOWER, STRICT
from columns import unseen_compounds
from matching import rmses

from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.matching import SAME_RMSE
from lcom.prediction.networks import Trained
from lcom.prediction.options import Options
from lcom.prediction.predict import answers
from lcom.prediction.rank import refine
from lcom.prediction.run_folder import run_folder
from lcom.starts.lookup import analogues
from lcom.starts.volume import fit_volumes

KEEP = 6
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
    compounds = unseen_compounds(run_folder(args.networks), args.compounds, args.elements, args.most)
    compounds = [c for c in compounds if not args.formulas or c.formula in args.formulas]
    options = Options(keep=KEEP, networks=args.networks, **json.loads(args.options))
    asked = {c.formula: c for c in compounds}
    predicted, unsearched, descended = (
        {answer.asked: [p.crystal for p in answer.crystals] for answer in answers(list(asked), chosen)}
        for chosen in (options, replace(options, search=0), replace(options, search=0, look_up=0))
    )
    train = Trained.load(run_folder(args.networks), "cpu").train
    volumes, potential = fit_volumes(train.batch), Potential()
    rows: dict[str, list[list[bool]]] = {
        name: []
        for name in (
            "`lcom predict`",
            "without the search",
            "descents alone",
            "looked up",
            "six of each",
            "twelve looked up",
        )  # fmt: skip
    }
    for formula, compound in asked.items():
        try:
            known = analogues(train, [compound.numbers], volumes, 2 * KEEP)
        except ValueError:
            known = []
        parts = [predicted[formula], unsearched[formula], descended[formula], known]
        found = [crystal for part in parts for crystal in part]
        right = judged(compound.crystal(), found, potential)
        first, second, own, looked_up = np.split(right, np.cumsum([len(part) for part in parts[:-1]]))
        columns = [first, second, own, looked_up[:KEEP], np.concatenate([own, looked_up[:KEEP]]), looked_up]
        for row, column in zip(rows.values(), columns, strict=True):
            row.append(marks(column))
        if args.each and len(first):
            lowest = int(first[:, 2].argmin())
            names = [refine(crystal).symbol for crystal in (compound.crystal(), found[0], found[lowest])]
            print(
                f"| {formula} | {' | '.join(names)} | {1000 * first[lowest, 2]:z.0f} | {' | '.join(map(word, marks(first)))} |"
            )
    print(f"\n{len(asked)} compounds; {sum(not found for found in predicted.values())} of them refused")
    print(f"| | {' | '.join(COLUMNS)} |\n|---|---|---|---|")
    for name, found in rows.items():
        shares = np.mean(found, axis=0)
        cells = [f"{p:.2f} ± {np.sqrt(p * (1 - p) / len(found)):.2f}" for p in shares]
        if name == "six of each":  # nobody has ranked the two kinds
            cells[0] = "–"
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
