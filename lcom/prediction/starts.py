"""Where the search for a formula begins: training crystals with their atoms swapped, in every cell size that is to be tried."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lcom.base.seeding import generator
from lcom.batch import Batch, select, unpack
from lcom.compounds import space_group_number
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.formula import Formula
from lcom.starts.lookup import by_likeness
from lcom.starts.swapped import fitting, swap
from lcom.starts.volume import VolumeModel
from lcom.symmetry import SYMPREC


def starting_crystals(
    data: Dataset,
    volumes: VolumeModel,
    formula: Formula,
    sizes: Sequence[int],
    most: int,
    seed: int = 0,
    space_group: int | None = None,
    alike: float = 0.0,
) -> list[Crystal]:
    """For each number of atoms of `sizes` up to `most` training crystals, drawn, with the atoms of the formula.

    alike: the fraction of them that is not drawn: the lowest crystals of the compositions that are most alike, which come first ·
    space_group: crystals that have it come before all others. Nothing for a size that no crystal of the formula's proportions has.
    """
    pool = data.batch
    starts = []
    for numbers in cells(formula, sizes):
        alikes = by_likeness(data, [numbers])[: round(alike * most)] if alike else []
        near = np.array([row for row, _ in alikes], dtype=int)
        drawn = generator("predict", formula.name, len(numbers) // formula.atoms, seed).permutation(
            fitting(pool, numbers)
        )
        rows = np.concatenate([near, drawn[~np.isin(drawn, near)]])
        crystals = unpack(select(pool, torch.from_numpy(rows if space_group else rows[:most])))
        if space_group:
            crystals.sort(key=lambda crystal: space_group_number(crystal, SYMPREC) != space_group)
        starts += [swap(crystal, numbers, volumes) for crystal in crystals[:most]]
    return starts


def cells(formula: Formula, sizes: Sequence[int]) -> list[np.ndarray]:
    """The atomic numbers in a cell of so many atoms, for each size."""
    return [
        np.repeat(list(formula.counts), [size // formula.atoms * count for count in formula.counts.values()])
        for size in sizes
    ]


def known_crystals(pool: Batch, formula: Formula) -> int:
    """How many crystals of the pool are of that formula."""
    total, fits = formula.atoms, torch.ones(len(pool.n_atoms), dtype=torch.bool)
    for z, count in formula.counts.items():
        own = torch.bincount(pool.crystal[pool.numbers == z], minlength=len(pool.n_atoms))
        fits &= own * total == count * pool.n_atoms
    return int(fits.sum())
