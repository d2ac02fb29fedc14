"""What people do today: symmetric random structures, relaxed by a universal potential, of which the lowest is kept.

The structures are those of the searches (lcom.search.space); the potential is CHGNet, which knows far more crystals than any data set
here. A method that learns from a data set earns its place by fewer relaxations than this, or by none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lcom.crystal import Crystal
from lcom.data.generator.relaxation import Relaxed
from lcom.physical import unphysical
from lcom.search.space import SearchSpace, reduced_cells

BATCH = 64  # points of the search space that are looked at together
MOST = 200  # batches without enough sound structures before the search is given up


@dataclass(frozen=True)
class LowestRelaxed:
    """The lowest of the relaxed structures. energy eV/atom · relaxed: how many were · seconds: making structures, relaxing them"""

    crystal: Crystal
    energy: float
    relaxed: int
    propose: float
    relax: float


def lowest_relaxed(
    space: SearchSpace, count: int, relax: Callable[[Sequence[Crystal]], list[Relaxed]], rng: np.random.Generator
) -> LowestRelaxed:
    """Of ``count`` random structures, relaxed side by side. A ValueError if the space has too few, or none ends in a minimum."""
    begun = time.perf_counter()
    structures = random_structures(space, count, rng)
    proposed = time.perf_counter()
    ends = [end for end in relax(structures) if end.ok and not unphysical(end.crystal)]
    if not ends:
        raise ValueError(f"none of {count} relaxations ended in a sound minimum")
    best = min(ends, key=lambda end: end.energy)
    return LowestRelaxed(best.crystal, best.energy, count, proposed - begun, time.perf_counter() - proposed)


def random_structures(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Crystal]:
    """The first ``count`` candidates that pass the filters, in Minkowski-reduced cells."""
    found: list[Crystal] = []
    for _ in range(MOST):
        built = space.build(rng.random((BATCH, space.dimension)))
        frac, lattice = reduced_cells(built.frac_coords[built.valid], built.lattice[built.valid])
        found += [Crystal(space.numbers, f, cell) for f, cell in zip(frac, lattice, strict=True)]
        if len(found) >= count:
            return found[:count]
    raise ValueError(f"a filter rejected all but {len(found)} of {MOST * BATCH} candidates: loosen search.space")
