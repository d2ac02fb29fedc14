"""Which handicap orders predictions best (lcom.prediction.rank), and by how much the energy model errs on what has more to give way in.

    python benchmarks/order.py --elements 3 [--most 40] [--but 12] [--rest] [--networks shipped] [--compounds data/validation.csv]
    python benchmarks/order.py --polymorphs

Compounds that the networks have not seen, without those that `benchmarks/predictions.py --most BUT` would take, so that it judges what is
chosen here; --rest: those in neither, which judge it, too. Of each the 40 lowest that `lcom predict` ranks, as they are. Printed: the slope
of CHGNet's energy less the energy model's, over ln(1 + free parameters), within the compounds (of crystals within 0.1 eV/atom of the
lowest); for each handicap of how many compounds the first, and one of the first six, is right (at most 25 meV/atom above the known ground
state by CHGNet and RMSE < 0.1), and of which the first is right that is not without it, and the other way round.
--polymorphs: the crystals of the validation compositions of the networks' data set instead, each relaxed with the energy model: the shares
of compositions whose first is the lowest by the labels (within 1 meV/atom, within 25), and how far it is above that on average.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from attribution import STRICT
from columns import energies, evenly, unseen_compounds
from matching import rmses

from lcom.crystal import reduced_counts
from lcom.data.compact import read_compact
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.data.table import from_arrow
from lcom.formula import read_formula
from lcom.matching import SAME_RMSE
from lcom.prediction.find import Finder
from lcom.prediction.options import Options
from lcom.prediction.possible import Possible
from lcom.prediction.rank import distinct, refine, refined
from lcom.prediction.run_folder import CRYSTALS, run_folder, training_set
from lcom.prediction.search import Search, plan
from lcom.search.settle import settled

HANDICAPS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
LOWEST, NEAR, KEEP = 40, 0.1, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", default="shipped")
    parser.add_argument("--compounds", type=Path, default=Path("data/validation.csv"))
    parser.add_argument("--elements", type=int, help="compounds of so many elements")
    parser.add_argument("--most", type=int, default=40, help="so many of them, evenly spread over the table")
    parser.add_argument("--but", type=int, default=12, help="without so many, evenly spread, too")
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--polymorphs", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = run_folder(args.networks)
    finder = Search(folder, Options(networks=args.networks)).finder
    if args.polymorphs:
        polymorphs(finder, folder)
        return
    judged = {c.formula for c in unseen_compounds(folder, args.compounds, args.elements, args.but)}
    compounds = [c for c in unseen_compounds(folder, args.compounds, args.elements, None) if c.formula not in judged]
    chosen = evenly(len(compounds), args.most)
    compounds = [c for i, c in enumerate(compounds) if (i in chosen) != args.rest]
    possible, potential = Possible.load(training_set(folder)), Potential()
    names, error, freedom = [], [], []
    right_of = {handicap: [] for handicap in HANDICAPS}
    for compound in compounds:
        formula = read_formula(compound.formula)
        found = finder.find([(formula, possible.sizes(formula))], plan(Options()))[formula.name]
        pairs = list(islice(refined(one for kind in found for one in kind), LOWEST))
        if not pairs:
            print(f"{compound.formula}: nothing was found, left out")
            continue
        names.append(compound.formula)
        crystals = [best.crystal for _, best in pairs]
        (state,) = relax([compound.crystal()], potential)
        above = energies(potential, crystals) - state.energy
        same = rmses(crystals, [state.crystal] * len(crystals)) < SAME_RMSE
        right = {id(best): bool(r) for (_, best), r in zip(pairs, (above <= STRICT) & same, strict=True)}
        model = np.array([one.energy for one, _ in pairs])
        log_free = np.log1p([best.free for _, best in pairs])
        near = (model - model[0] < NEAR) & np.isfinite(above)
        error.append((above - model)[near] - (above - model)[near].mean())
        freedom.append(log_free[near] - log_free[near].mean())
        for handicap, marks in right_of.items():
            order = np.argsort(model + handicap * log_free, kind="stable")
            kept = [right[id(best)] for _, best in distinct([pairs[i] for i in order], KEEP)]
            marks.append((kept[0], any(kept)))
    x, y = np.concatenate(freedom), np.concatenate(error)
    slope = (x * y).sum() / (x * x).sum()
    correlation = np.corrcoef(x, y)[0, 1]
    print(f"{len(names)} compounds, {len(x)} crystals; slope {slope:.4f} eV/atom, correlation {correlation:.2f}")
    print("| handicap, eV/atom | first right | one of six right | first won | first lost |\n|---|---|---|---|---|")
    before = [first for first, _ in right_of[0.0]]
    for handicap, marks in right_of.items():
        first, six = np.mean(marks, axis=0)
        now = [first for first, _ in marks]
        won, lost = (
            " ".join(name for name, a, b in zip(names, before, now, strict=True) if (a, b) == change)
            for change in ((False, True), (True, False))
        )
        print(f"| {handicap:g} | {first:.2f} | {six:.2f} | {won} | {lost} |", flush=True)


def polymorphs(finder: Finder, folder: Path) -> None:
    table, part = read_compact(folder / CRYSTALS)
    known = from_arrow(table.filter(part == "val"))
    crystals = [known.crystal(i) for i in range(len(known))]
    model = np.array([energy for _, energy in settled(finder.energy_model, crystals)])
    log_free = np.log1p([refine(crystal).free for crystal in crystals])
    _, group = np.unique([str(reduced_counts(crystal.numbers)) for crystal in crystals], return_inverse=True)
    print("| handicap, eV/atom | the lowest | within 25 meV/atom | above the lowest, meV/atom |\n|---|---|---|---|")
    for handicap in HANDICAPS:
        gaps = []
        for k in range(group.max() + 1):
            rows = np.flatnonzero((group == k) & np.isfinite(model))
            label = known.formation_energy[rows]
            gaps.append(label[np.argmin(model[rows] + handicap * log_free[rows])] - label.min())
        gap = np.array(gaps)
        shares = f"{(gap < 1e-3).mean():.2f} | {(gap < STRICT).mean():.2f}"
        print(f"| {handicap:g} | {shares} | {1000 * gap.mean():.1f} |", flush=True)


if __name__ == "__main__":
    main()
