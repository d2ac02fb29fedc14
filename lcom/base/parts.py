"""The compounds of a run in parts, a job and a file for each: enough parts to use all cores, few enough to plan."""

from __future__ import annotations

from collections.abc import Sequence

SMALLEST = 8  # compounds
MOST = 160  # parts, until they grow
RELAXATIONS = 8  # times the cost of the energies: their parts are so much smaller


def part_size(asked: int, compounds: int) -> int:
    """Compounds a part: as asked, and for 0 `SMALLEST`, doubled until there are no more than `MOST` parts. Doubled, so that a further
    compound seldom moves the others."""
    size = asked or SMALLEST
    while not asked and compounds > MOST * size:
        size *= 2
    return size


def relaxations_size(size: int) -> int:
    return max(1, size // RELAXATIONS)


def parts(formulas: Sequence[str], size: int) -> dict[str, list[str]]:
    """Name -> its compounds, in their order: "000" has the first ones. One more at the end changes the last part alone."""
    return {f"{k // size:03d}": list(formulas[k : k + size]) for k in range(0, len(formulas), size)}


def parts_of(formulas: Sequence[str], size: int, wanted: Sequence[str]) -> list[str]:
    """The names of the parts that have some of the wanted compounds."""
    found = set(wanted)
    return [name for name, members in parts(formulas, size).items() if not found.isdisjoint(members)]
