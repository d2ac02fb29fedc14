"""Energy above the convex hull of the crystals that are known in a chemical system, by linear programming."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.crystal import reduced_counts
from lcom.data.table import Crystals


def competing(crystals: Crystals, elements: Sequence[int], each: int = 1) -> np.ndarray:
    """Rows of the `each` lowest crystals of every composition that these elements alone make, [M]."""
    allowed = np.zeros(int(crystals.numbers.max()) + 1, dtype=bool)
    allowed[[z for z in elements if z < len(allowed)]] = True
    inside = np.logical_and.reduceat(allowed[crystals.numbers], crystals.starts)
    found: dict[str, int] = {}
    rows = np.flatnonzero(inside)
    chosen = []
    for row in rows[np.argsort(crystals.formation_energy[rows], kind="stable")].tolist():
        formula = crystals.formulas[row]
        if found.setdefault(formula, 0) < each:
            found[formula] += 1
            chosen.append(row)
    return np.array(sorted(chosen), dtype=np.int64)


def hull_energy(numbers: np.ndarray, phases: Sequence[np.ndarray], energies: Sequence[float]) -> float | None:
    """The lowest energy, eV/atom, of a mixture of phases with the composition of `numbers` [n]; None if none has it.

    phases: atomic numbers of each · energies: eV/atom, in the same terms.
    """
    from scipy.optimize import linprog

    counts = dict(reduced_counts(numbers))
    rows = sorted(set(counts).union(*(set(np.asarray(phase).tolist()) for phase in phases)))
    shares = np.array([[np.mean(np.asarray(phase) == z) for phase in phases] for z in rows])  # [elements, phases]
    target = np.array([counts.get(z, 0) for z in rows]) / sum(counts.values())
    if not len(phases):
        return None
    found = linprog(np.asarray(energies), A_eq=shares, b_eq=target, bounds=(0, None), method="highs")
    return float(found.fun) if found.success else None
