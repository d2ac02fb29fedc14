"""Energy above the convex hull of the crystals that are known in a chemical system, by linear programming."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.data.table import Crystals

MADE_UP = 1e4  # eV/atom
TINY = 1e-9


def competing(crystals: Crystals, elements: Sequence[int], each: int = 1, level: str | None = None) -> np.ndarray:
    """Rows of the `each` lowest crystals of every composition that these elements alone make, [M]. level: of theory, those of it alone."""
    allowed = np.zeros(int(crystals.numbers.max()) + 1, dtype=bool)
    allowed[[z for z in elements if z < len(allowed)]] = True
    inside = np.logical_and.reduceat(allowed[crystals.numbers], crystals.starts)
    found: dict[str, int] = {}
    rows = np.flatnonzero(inside if level is None else inside & (crystals.levels == level))
    chosen = []
    for row in rows[np.argsort(crystals.formation_energy[rows], kind="stable")].tolist():
        formula = crystals.formulas[row]
        if found.setdefault(formula, 0) < each:
            found[formula] += 1
            chosen.append(row)
    return np.array(sorted(chosen), dtype=np.int64)


def hull_energy(numbers: np.ndarray, phases: Sequence[np.ndarray], energies: Sequence[float]) -> float | None:
    """The lowest energy, eV/atom, of a mixture of phases with the composition of `numbers` [n]; None if none has it.

    phases: atomic numbers of each · energies: eV/atom, in the same terms. The simplex method with Bland's rule; it begins with made-up
    phases of the elements that cost too much to stay.
    """
    elements = np.unique(np.concatenate([np.asarray(numbers), *map(np.asarray, phases)]))
    share = np.array([[np.mean(np.asarray(phase) == z) for z in elements] for phase in (numbers, *phases)])
    target, columns = (
        share[0],
        np.concatenate([np.eye(len(elements)), share[1:]]),
    )  # [elements], [elements + phases, elements]
    cost = np.concatenate([np.full(len(elements), MADE_UP), np.asarray(energies, dtype=np.float64)])
    basis = np.arange(len(elements))
    while True:
        square = columns[basis].T
        weights = np.linalg.solve(square, target)
        gain = cost - columns @ np.linalg.solve(square.T, cost[basis])
        better = np.flatnonzero(gain < -TINY)
        if not len(better):
            break
        entering = np.linalg.solve(square, columns[better[0]])
        ratio = np.where(entering > TINY, weights / np.where(entering > TINY, entering, 1), np.inf)
        ties = np.flatnonzero(ratio <= ratio.min() + TINY)
        basis[ties[basis[ties].argmin()]] = better[0]
    if (weights[basis < len(elements)] > 1e-6).any():
        return None
    return float(cost[basis] @ weights)
