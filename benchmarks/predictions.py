"""What `lcom predict` finds of known ground states that the networks have not seen, beside a look into the training data.

    python benchmarks/predictions.py [--networks shipped] [--compounds data/validation.csv] [--elements 3] [--most 40]
        [--options '{"starts": 32}']

Of each compound six crystals are predicted, and six looked up: the lowest of the nearest training compositions, atoms swapped
(the control, no network). Right is a crystal at most 25 meV/atom above the known ground state by CHGNet, which relaxes that, and of the
same structure (RMSE < 0.1): the first, any of the six, and, after a relaxation of all six by CHGNet, the lowest of them (or one that is
lower than the known one in energy). Printed with the standard error of a share.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from lcom.compounds import Compound, load_compounds
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.data.shipped import reduced, trained_on
from lcom.matching import SAME_RMSE, match_rmse
from lcom.prediction.networks import Trained
from lcom.prediction.options import Options
from lcom.prediction.predict import answers
from lcom.prediction.run_folder import run_folder
from lcom.starts.lookup import analogues
from lcom.starts.volume import fit_volumes

STRICT, LOWER = 0.025, 0.001  # eV/atom
KEEP = 6
COLUMNS = ("first", "among six", "lowest of six after CHGNet")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", default="shipped")
    parser.add_argument("--compounds", type=Path, default=Path("data/validation.csv"))
    parser.add_argument("--elements", type=int, help="compounds of so many elements")
    parser.add_argument("--most", type=int, help="so many of them, evenly spread over the table")
    parser.add_argument("--options", default="{}", help="JSON: of lcom.prediction.options")
    parser.add_argument("--each", action="store_true", help="a line for every compound, too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    compounds = [c for c in load_compounds(args.compounds) if args.elements in (None, len(set(c.numbers.tolist())))]
    seen = trained_on(run_folder(args.networks))
    compounds = [c for c in compounds if reduced(c.formula) not in seen]
    if args.most and args.most < len(compounds):
        compounds = [compounds[i] for i in np.linspace(0, len(compounds) - 1, args.most).round().astype(int)]
    options = Options(keep=KEEP, networks=args.networks, **json.loads(args.options))
    asked = {c.formula: c for c in compounds}
    predicted = {answer.asked: [p.crystal for p in answer.crystals] for answer in answers(list(asked), options)}
    train = Trained.load(run_folder(args.networks), "cpu").train
    volumes, judge = fit_volumes(train.batch), Judge(Potential())
    rows: dict[str, list[list[bool]]] = {"lcom predict": [], "looked up": []}
    for formula, compound in asked.items():
        try:
            known = analogues(train, [compound.numbers], volumes, KEEP)
        except ValueError:
            known = []
        for name, crystals in (("lcom predict", predicted[formula]), ("looked up", known)):
            rows[name].append(judge(compound, crystals))
        if args.each:
            print(formula, compound.prototype, *(f"{name}: {found[-1]}" for name, found in rows.items()), flush=True)
    print(f"\n{len(asked)} compounds; {sum(not found for found in predicted.values())} of them refused")
    print(f"| | {' | '.join(COLUMNS)} |\n|---|---|---|---|")
    for name, found in rows.items():
        shares = np.mean(found, axis=0)
        cells = (f"{p:.2f} ± {np.sqrt(p * (1 - p) / len(found)):.2f}" for p in shares)
        print(f"| {name} | {' | '.join(cells)} |")


class Judge:
    """Against the known ground state, relaxed."""

    def __init__(self, potential: Potential) -> None:
        self.potential = potential

    def __call__(self, compound: Compound, crystals: list[Crystal]) -> list[bool]:
        """As in COLUMNS."""
        if not crystals:
            return [False] * len(COLUMNS)
        known, *ends = relax([compound.crystal(), *crystals], self.potential)
        energies = [found.energy for found in self.potential(crystals)]

        def same(crystal: Crystal) -> bool:
            rmse = match_rmse(known.crystal, crystal)
            return rmse is not None and rmse < SAME_RMSE

        right = [e <= known.energy + STRICT and same(c) for c, e in zip(crystals, energies, strict=True)]
        end = min(ends, key=lambda found: found.energy if np.isfinite(found.energy) else np.inf)
        low = end.energy < known.energy - LOWER or (end.energy <= known.energy + STRICT and same(end.crystal))
        return [right[0], any(right), bool(low)]


if __name__ == "__main__":
    main()
