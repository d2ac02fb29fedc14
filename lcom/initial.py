"""Starts that need no simulator: a training crystal with its atoms swapped for those of the compound (x_0 ~ D in eq. 5)."""

from __future__ import annotations

from collections import Counter

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import covalent_radius, electronegativity


def stoichiometry(numbers: np.ndarray) -> tuple[int, ...]:
    """How often each element occurs in the cell, sorted: what must agree for a swap."""
    return tuple(sorted(Counter(np.asarray(numbers).tolist()).values()))


def swap(crystal: Crystal, numbers: np.ndarray) -> Crystal:
    """``crystal`` with the elements of ``numbers`` [n] in their place: cation for cation, anion for anion.

    Elements are matched by count, then by electronegativity; the cell is scaled by the ratio of the sums of the covalent radii.
    """
    if stoichiometry(crystal.numbers) != stoichiometry(numbers):
        raise ValueError(f"cannot swap {crystal.formula} into a cell with the counts {stoichiometry(numbers)}")

    def ordered(z: np.ndarray) -> list[int]:
        counts = Counter(z.tolist())
        return sorted(counts, key=lambda e: (counts[e], float(electronegativity(e)), e))

    partner = dict(zip(ordered(crystal.numbers), ordered(np.asarray(numbers)), strict=True))
    swapped = np.array([partner[z] for z in crystal.numbers.tolist()])
    scale = float(covalent_radius(swapped).sum() / covalent_radius(crystal.numbers).sum())
    return Crystal(swapped, crystal.frac_coords, crystal.lattice * scale)


def draw(pool: list[Crystal], numbers: np.ndarray, rng: np.random.Generator) -> Crystal:
    """A swapped crystal drawn from those of the pool that fit the cell's counts; ValueError if there is none."""
    wanted = stoichiometry(numbers)
    fitting = [c for c in pool if stoichiometry(c.numbers) == wanted]
    if not fitting:
        raise ValueError(f"no training crystal has the counts {wanted}: add some to the data set, or change n_atoms")
    return swap(fitting[int(rng.integers(len(fitting)))], numbers)
