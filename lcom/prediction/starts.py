"""Where the search for a formula begins: training crystals with their atoms swapped, in every cell size that is to be tried."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lcom.base.seeding import generator
from lcom.batch import Batch, select, unpack
from lcom.compounds import space_group_number
from lcom.crystal import Crystal
from lcom.formula import Formula
from lcom.starts.swapped import fitting, swap
from lcom.starts.volume import VolumeModel

SYMPREC = 0.1  # Å


def starting_crystals(
    pool: Batch,
    volumes: VolumeModel,
    formula: Formula,
    sizes: Sequence[int],
    most: int,
    seed: int = 0,
    space_group: int | None = None,
) -> list[Crystal]:
    """For each number of atoms of `sizes` up to `most` crystals of the pool, drawn, with the atoms of the formula.

    space_group: those that have it come first. Nothing for a size that no crystal of the formula's proportions has.
    """
    starts = []
    for size in sizes:
        units = size // formula.atoms
        numbers = np.repeat(list(formula.counts), [units * count for count in formula.counts.values()])
        rows = generator("predict", formula.name, units, seed).permutation(fitting(pool, numbers))
        crystals = unpack(select(pool, torch.from_numpy(rows if space_group else rows[:most])))
        if space_group:
            crystals.sort(key=lambda crystal: space_group_number(crystal, SYMPREC) != space_group)
        starts += [swap(crystal, numbers, volumes) for crystal in crystals[:most]]
    return starts


def known_crystals(pool: Batch, formula: Formula) -> int:
    """How many crystals of the pool are of that formula."""
    total, fits = formula.atoms, torch.ones(len(pool.n_atoms), dtype=torch.bool)
    for z, count in formula.counts.items():
        own = torch.bincount(pool.crystal[pool.numbers == z], minlength=len(pool.n_atoms))
        fits &= own * total == count * pool.n_atoms
    return int(fits.sum())
