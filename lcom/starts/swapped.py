"""Starts that need no simulator: a training crystal with its atoms swapped for those of the compound (x_0 ~ D in eq. 5)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from lcom.batch import Batch, select, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.elements import electronegativity
from lcom.starts.settings import Draw
from lcom.starts.volume import VolumeModel


def stoichiometry(numbers: np.ndarray) -> tuple[int, ...]:
    """How often each element occurs in the cell, sorted: what must agree for a swap."""
    return tuple(sorted(Counter(np.asarray(numbers).tolist()).values()))


def swap(crystal: Crystal, numbers: np.ndarray, volumes: VolumeModel) -> Crystal:
    """``crystal`` with the elements of ``numbers`` [n] in their place, scaled to the volume that crystals of these have.

    Elements are matched by count, then by electronegativity.
    """
    if stoichiometry(crystal.numbers) != stoichiometry(numbers):
        raise ValueError(f"cannot swap {crystal.formula} into a cell with the counts {stoichiometry(numbers)}")

    def ordered(z: np.ndarray) -> list[int]:
        counts = Counter(z.tolist())
        return sorted(counts, key=lambda e: (counts[e], float(electronegativity(e)), e))

    partner = dict(zip(ordered(crystal.numbers), ordered(np.asarray(numbers)), strict=True))
    swapped = np.array([partner[z] for z in crystal.numbers.tolist()])
    scale = (len(swapped) * volumes(swapped) / crystal.volume) ** (1 / 3)
    return Crystal(swapped, crystal.frac_coords, crystal.lattice * scale)


def fitting(pool: Batch, numbers: np.ndarray) -> np.ndarray:
    """The crystals of the pool that have the cell's counts of elements, [M]."""
    rows = np.flatnonzero(pool.n_atoms.numpy() == len(numbers))
    atoms = np.sort(atoms_of(pool, rows), axis=1)
    begins = np.diff(atoms, axis=1, prepend=0) > 0  # of each element
    wanted = stoichiometry(numbers)
    kept = begins.sum(1) == len(wanted)
    firsts = np.nonzero(begins[kept])[1].reshape(-1, len(wanted))
    counts = np.sort(np.diff(firsts, axis=1, append=len(numbers)), axis=1)
    return rows[kept][(counts == wanted).all(1)]


def atoms_of(pool: Batch, rows: np.ndarray) -> np.ndarray:
    """The atomic numbers of crystals of one size, [M, n]."""
    n_atoms = pool.n_atoms.numpy()
    first = np.cumsum(n_atoms) - n_atoms
    size = int(n_atoms[rows[0]]) if len(rows) else 0
    return pool.numbers.numpy()[first[rows, None] + np.arange(size)]


def lowest(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """Of these rows the lowest crystal of each composition in the cell, [M]."""
    energy = data.energy_above.numpy()[rows]
    _, composition = np.unique(np.sort(atoms_of(data.batch, rows), axis=1), axis=0, return_inverse=True)
    order = np.lexsort((energy, composition))
    first = np.diff(composition[order], prepend=-1) > 0
    return np.sort(rows[order[first]])


def drawn_from(data: Dataset, numbers: np.ndarray, which: Draw) -> np.ndarray:
    """The crystals that a start with these atoms is drawn from, [M]: all that fit, or the lowest of each composition."""
    rows = fitting(data.batch, numbers)
    return lowest(data, rows) if which == "low" else rows


def draw(
    pool: Batch, candidates: np.ndarray, numbers: np.ndarray, volumes: VolumeModel, rng: np.random.Generator
) -> Crystal:
    """One of the candidates (``fitting``), drawn and swapped; ValueError if there is none."""
    if not len(candidates):
        raise ValueError(nothing_fits(numbers))
    chosen = torch.tensor([candidates[int(rng.integers(len(candidates)))]])
    return swap(unpack(select(pool, chosen))[0], numbers, volumes)


def nothing_fits(numbers: np.ndarray) -> str:
    return f"no training crystal has the counts {stoichiometry(numbers)}: add some to the data set, or change n_atoms"
