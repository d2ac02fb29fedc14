"""Which crystals are one and the same, and in what order they stand.

StructureMatcher alone takes a polar distortion for its cubic parent, and GeTe's ground state for a duplicate. So two crystals
are the same only if they have one space group, too, and nearly the same shape, or if they have nearly the same energy.

The lowest of many energies is one that errs low, and an energy model errs low on crystals with many free parameters, which offer it
more to be wrong about: so the order by its energies has a handicap that grows with their number (docs/results.md, "Predictions").
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from heapq import heapify, heappop, heappush
from math import log
from typing import Protocol, TypeVar

from lcom.crystal import Crystal
from lcom.matching import match_rmse
from lcom.symmetry import SYMPREC, free_parameters

os.environ.setdefault("SPGLIB_WARNING", "OFF")  # spglib tells the terminal of each way to a symmetry that led nowhere
TOLERANCES = {"ltol": 0.03, "stol": 0.1, "angle_tol": 1.5}  # two distortions of GeTe differ by 4 % and 2° in shape:
ONE_ENERGY = 3e-3  # eV/atom, by which the two may differ that one relaxation has left on their way to one minimum
SAME_RMSE = 0.06  # of the places, in units of the cube root of the volume per atom
# eV/atom a unit of ln(1 + free parameters): about what the shipped energy model errs by on what is predicted
HANDICAP = 0.01


class Ranked(Protocol):
    """What can be ranked. energy: of one kind for all of a list, eV/atom."""

    @property
    def crystal(self) -> Crystal: ...

    @property
    def energy(self) -> float: ...


T = TypeVar("T", bound=Ranked)


@dataclass(frozen=True)
class Found:
    """What is ranked. energy: eV/atom, of one kind for all of a list · origin: descent, look-up (a known crystal with its atoms
    swapped) or search · converged: whether its relaxation did, None without one."""

    crystal: Crystal
    energy: float
    origin: str
    converged: bool | None = None


@dataclass(frozen=True)
class Refined:
    """A crystal in the symmetry that it has within SYMPREC, in its canonical primitive cell, and its space group (1 if spglib
    finds none). free: parameters that the symmetry leaves to cell and places."""

    crystal: Crystal
    space_group: int
    symbol: str
    free: int


def refine(crystal: Crystal) -> Refined:
    """A ValueError if the cell cannot be reduced."""
    import spglib

    best = crystal.canonical()
    found = spglib.get_symmetry_dataset((best.lattice, best.frac_coords, best.numbers), symprec=SYMPREC)
    if not found:
        return Refined(best, 1, "P1", 3 * len(best) + 3)
    return Refined(
        best, int(found.number), found.international, free_parameters(best, found.rotations, found.translations)
    )


def same(a: Refined, b: Refined) -> bool:
    """Whether two refined crystals of one composition are one structure, up to their density."""
    if a.space_group != b.space_group or len(a.crystal) != len(b.crystal):
        return False
    found = _matcher().get_rms_dist(a.crystal.to_structure(), b.crystal.to_structure())
    return found is not None and float(found[0]) < SAME_RMSE


def refined(items: Iterable[T], handicap: float = 0.0) -> Iterator[tuple[T, Refined]]:
    """Each with its refined crystal, in the order of energy + handicap x ln(1 + free parameters), in eV/atom, without those whose cells
    cannot be reduced; each when it is asked for, as spglib takes longer than all else that ranks."""
    least = handicap * log(2)  # no crystal has less than one free parameter
    heap: list[tuple[float, int, T, Refined | None]] = [
        (item.energy + least, i, item, None) for i, item in enumerate(items)
    ]
    heapify(heap)
    while heap:
        _, i, item, found = heappop(heap)
        if found is not None:
            yield item, found
            continue
        try:
            found = refine(item.crystal)
        except ValueError:
            continue
        heappush(heap, (item.energy + handicap * log(1 + found.free), i, item, found))


def distinct(pairs: Iterable[tuple[T, Refined]], keep: int) -> list[tuple[T, Refined]]:
    """The `keep` first of `refined` that are not the same."""
    kept: list[tuple[T, Refined]] = []
    for pair in pairs:
        if not any(_one(pair, other) for other in kept):
            kept.append(pair)
        if len(kept) == keep:
            break
    return kept


def _one(a: tuple[Ranked, Refined], b: tuple[Ranked, Refined]) -> bool:
    """Whether the second is all that need be kept: the same, or so near in places and energy that a relaxation would have led to it."""
    if same(a[1], b[1]):
        return True
    if abs(a[0].energy - b[0].energy) > ONE_ENERGY:
        return False
    apart = match_rmse(a[1].crystal, b[1].crystal)
    return apart is not None and apart < SAME_RMSE


@cache
def _matcher():
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(**TOLERANCES)
