"""Who should rank what `lcom predict` proposes: the surrogates or the energy model? CHGNet judges, on compounds that neither has seen.

    python benchmarks/ranking.py [--networks shipped] [--compounds data/validation.csv] [--elements 3] [--most 16]

Of each compound the proposals of the descents and the looked-up crystals, as they are, in the known ground state's number of atoms. Printed
for each ranking, as means over the compounds: Spearman's correlation with CHGNet's energies, how far the first (median, too) and the lowest
of the first six are above the lowest of all, eV/atom, and the share of compounds of which the first, or one of the first six, is right (at
most 25 meV/atom above the known ground state and RMSE < 0.1), beside the share of which any is; each ± its standard error.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from attribution import STRICT
from columns import unseen_compounds
from matching import rmses
from scipy.stats import spearmanr

from lcom.batch import pack
from lcom.compounds import Compound
from lcom.data.generator.potential import Potential
from lcom.formula import read_formula
from lcom.matching import SAME_RMSE
from lcom.physical import unphysical
from lcom.prediction.find import Finder
from lcom.prediction.options import Options
from lcom.prediction.rank import Found
from lcom.prediction.run_folder import run_folder
from lcom.prediction.search import Search, plan

FIRST = 6
HEAD = ("Spearman", "first", "median", "lowest of six", "first right", "of six right")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", default="shipped")
    parser.add_argument("--compounds", type=Path, default=Path("data/validation.csv"))
    parser.add_argument("--elements", type=int, help="compounds of so many elements")
    parser.add_argument("--most", type=int, default=16, help="so many of them, evenly spread over the table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder, potential = run_folder(args.networks), Potential()
    compounds = unseen_compounds(folder, args.compounds, args.elements, args.most)
    finder = Search(folder, Options(networks=args.networks)).finder
    by_surrogates = replace(finder, energy_model=None)
    rows: dict[str, list[list[float]]] = {"surrogates": [], "energy model": []}
    any_right = []
    for compound in compounds:
        found = proposals(by_surrogates, compound)
        crystals = [one.crystal for one in found]
        with torch.no_grad():
            model = finder.energy_model(pack(crystals)).numpy()
        energies = np.array([e.energy for e in potential(crystals)])
        known = compound.crystal()
        right = (energies - potential([known])[0].energy <= STRICT) & (
            rmses(crystals, [known] * len(crystals)) < SAME_RMSE
        )
        any_right.append(right.any())
        for own, score in zip(rows.values(), (np.array([one.energy for one in found]), model), strict=True):
            order = np.argsort(score)
            above, six = energies[order] - energies.min(), right[order][:FIRST]
            rho = spearmanr(score, energies).statistic
            own.append([rho, above[0], above[0], above[:FIRST].min(), six[0], six.any()])
    print(f"{len(compounds)} compounds; of {np.mean(any_right):.2f} something proposed is right")
    print(f"| ranked by | {' | '.join(HEAD)} |\n|{'---|' * (len(HEAD) + 1)}")
    for name, own in rows.items():
        values, error = np.mean(own, axis=0), np.std(own, axis=0, ddof=1) / len(own) ** 0.5
        cells = [f"{value:.3f} ± {one:.3f}" for value, one in zip(values, error, strict=True)]
        cells[2] = f"{np.median(own, axis=0)[2]:.3f}"
        print(f"| {name} | {' | '.join(cells)} |")


def proposals(finder: Finder, compound: Compound) -> list[Found]:
    """What is ranked, of both kinds."""
    (found,) = finder.find([(read_formula(compound.formula), [compound.n_atoms])], plan(Options())).values()
    return [one for kind in found for one in kind if not unphysical(one.crystal)]


if __name__ == "__main__":
    main()
