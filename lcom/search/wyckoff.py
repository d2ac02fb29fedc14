"""Wyckoff positions in primitive cells, and the combinations of them that fit a formula (PyXtal's tables, in a file)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path

import numpy as np

TABLES = Path(__file__).with_name("wyckoff.npz")  # made by scripts/wyckoff.py
UNIT = 24  # of their coordinates: no translation is a smaller part
CAP = 5_000  # combinations of a group, the most symmetric first; cells of up to 4 atoms have at most 1 236
# Rows are the primitive vectors in terms of the conventional ones, by the first letter of the group's symbol.
PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "C": np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2]]) / 2,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "R": np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]) / 3,  # obverse
}


@dataclass(frozen=True, eq=False)
class Position:
    """A Wyckoff position: its letter, the number of its free coordinates and its points in the primitive cell.

    ops [multiplicity, 3, 4]: fractional coordinates = ops[..., :3] @ (x, y, z) + ops[..., 3]
    """

    letter: str
    freedom: int
    ops: np.ndarray


@dataclass(frozen=True, eq=False)
class Combinations:
    """The combinations of G space groups for a stoichiometry, C in all, as indices into one table of K points.

    groups [G] numbers · primitive [G, 3, 3] rows of PRIMITIVE
    start [G + 1]: group k has the combinations from start[k] to start[k + 1]
    op, site [C, n]: for each atom its point and its site, whose free coordinates it takes
    ops [K, 3, 4], letter [K]: see ``Position``
    """

    groups: np.ndarray
    primitive: np.ndarray
    start: np.ndarray
    op: np.ndarray
    site: np.ndarray
    ops: np.ndarray
    letter: np.ndarray


@cache
def space_groups() -> dict[int, tuple[np.ndarray, tuple[Position, ...]]]:
    """Number -> primitive vectors [3, 3] and Wyckoff positions, those with the least freedom first."""
    with np.load(TABLES) as file:
        t = {name: file[name] for name in file.files}
    ends = np.cumsum(t["points"], dtype=np.int64)
    result: dict[int, tuple[np.ndarray, tuple[Position, ...]]] = {}
    for number in range(2, 231):
        rows = np.flatnonzero(t["group"] == number)
        positions = [
            Position(chr(t["letter"][i]), int(t["freedom"][i]), t["ops"][ends[i] - t["points"][i] : ends[i]] / UNIT)
            for i in rows
        ]
        primitive = PRIMITIVE[chr(t["centring"][rows[0]])]
        result[number] = primitive, tuple(sorted(positions, key=lambda p: (p.freedom, p.letter)))
    return result


@cache
def combinations(counts: tuple[int, ...]) -> Combinations:
    """Every way to put `counts` atoms of each element on the Wyckoff positions of groups 2-230, at most CAP a group."""
    n, table, groups, start = sum(counts), [], [], [0]
    parts: list[np.ndarray] = []  # places in the table of every site of every combination, a group each
    sizes: list[int] = []  # of every combination, in sites
    for number, (_, positions) in space_groups().items():
        if found := list(islice(_fill(positions, counts), CAP)):
            groups.append(number)
            start.append(start[-1] + len(found))
            parts.append(len(table) + np.fromiter(chain.from_iterable(found), np.int64))
            sizes += map(len, found)
            table += positions
    places = np.concatenate(parts)
    points = np.array([len(position.ops) for position in table])
    first, repeats = (np.cumsum(points) - points)[places], points[places]
    within = np.arange(start[-1] * n) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    site = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return Combinations(
        groups=np.array(groups),
        primitive=np.array([space_groups()[number][0] for number in groups]),
        start=np.array(start),
        op=(np.repeat(first, repeats) + within).reshape(-1, n),
        site=np.repeat(site, repeats).reshape(-1, n),
        ops=np.concatenate([position.ops for position in table]),
        letter=np.repeat([position.letter for position in table], points),
    )


def _fill(positions: Sequence[Position], counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Indices of the positions of every combination, element after element; those with the least freedom come first.

    A position without freedom holds one site, of any element; the others hold any number.
    """

    @cache
    def freedoms(k: int, atoms: int) -> frozenset[int]:
        """Freedoms that so many atoms on positions k and later can have in all."""
        if atoms == 0 or k == len(positions):
            return frozenset([0] if atoms == 0 else [])
        freedom, multiplicity = positions[k].freedom, len(positions[k].ops)
        if multiplicity > atoms:
            return freedoms(k + 1, atoms)
        again = freedoms(k if freedom else k + 1, atoms - multiplicity)
        return freedoms(k + 1, atoms) | {freedom + more for more in again}

    def element(k: int, atoms: int, freedom: int, taken: frozenset[int]) -> Iterator[tuple[int, ...]]:
        """So many atoms of an element on positions k and later but those taken, with exactly this freedom."""
        if freedom not in freedoms(k, atoms):
            return
        if atoms == 0:
            yield ()
        else:
            own, multiplicity = positions[k].freedom, len(positions[k].ops)
            if multiplicity <= atoms and k not in taken:
                for rest in element(k if own else k + 1, atoms - multiplicity, freedom - own, taken):
                    yield (k, *rest)
            yield from element(k + 1, atoms, freedom, taken)

    @cache
    def sites_of(atoms: int, freedom: int, taken: frozenset[int]) -> tuple[tuple[int, ...], ...]:
        """The same from the first position on, as far as CAP lets any be used: asked for again for every choice of the elements before."""
        return tuple(islice(element(0, atoms, freedom, taken), CAP))

    def elements(e: int, freedom: int, taken: frozenset[int]) -> Iterator[tuple[int, ...]]:
        """The elements e and later."""
        if e == len(counts):
            yield ()
            return
        for own in sorted(freedoms(0, counts[e])):
            if freedom - own in later[e + 1]:
                for sites in sites_of(counts[e], own, taken):
                    fixed = {k for k in sites if positions[k].freedom == 0}
                    for rest in elements(e + 1, freedom - own, taken | fixed):
                        yield (*sites, *rest)

    later = [{0}]  # for each element: freedoms of all from it on, if none took a place of another
    for count in reversed(counts):
        later.insert(0, {a + b for a in freedoms(0, count) for b in later[0]})
    for freedom in sorted(later[0]):
        yield from elements(0, freedom, frozenset())
