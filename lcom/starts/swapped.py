"""Starts that need no simulator: a training crystal with its atoms swapped for those of the compound (x_0 ~ D in eq. 5)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from lcom.batch import Batch, select, unpack
from lcom.crystal import Crystal
from lcom.elements import covalent_radius, electronegativity


def stoichiometry(numbers: np.ndarray) -> tuple[int, ...]:
    """How often each element occurs in the cell, sorted: what must agree for a swap."""
    return tuple(sorted(Counter(np.asarray(numbers).tolist()).values()))


def swap(crystal: Crystal, numbers: np.ndarray) -> Crystal:
    """``crystal`` with the elements of ``numbers`` [n] in their place.

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


def fitting(pool: Batch, numbers: np.ndarray) -> np.ndarray:
    """The crystals of the pool that have the cell's counts of elements, [M]."""
    n_atoms = pool.n_atoms.numpy()
    rows = np.flatnonzero(n_atoms == len(numbers))
    first = np.cumsum(n_atoms) - n_atoms
    atoms = first[rows, None] + np.arange(len(numbers))
    kinds, kind = np.unique(np.sort(pool.numbers.numpy()[atoms], axis=1), axis=0, return_inverse=True)
    wanted = stoichiometry(numbers)
    return rows[np.array([stoichiometry(k) == wanted for k in kinds], dtype=bool)[kind]]


def draw(pool: Batch, candidates: np.ndarray, numbers: np.ndarray, rng: np.random.Generator) -> Crystal:
    """One of the candidates (``fitting``), drawn and swapped; ValueError if there is none."""
    if not len(candidates):
        wanted = stoichiometry(numbers)
        raise ValueError(f"no training crystal has the counts {wanted}: add some to the data set, or change n_atoms")
    chosen = torch.tensor([candidates[int(rng.integers(len(candidates)))]])
    return swap(unpack(select(pool, chosen))[0], numbers)
