"""Whether what a user's own data give out as formation energies can be that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from lcom.crystal import reduced_counts
from lcom.data.sources.entries import NO_ENERGY, Entry, Rejected

LARGEST = 15.0  # eV/atom: no formation energy of a crystal near its minimum is beyond
HEAD = 300  # rows that are read before the first is given out


def judged(items: Iterable[Entry | Rejected], path: Path, energy: str, unit: str) -> Iterator[Entry | Rejected]:
    """The items, or the ValueError that `own.read` promises."""
    items = iter(items)
    head = list(islice(items, HEAD))
    if not head:
        raise ValueError(f"{path} has no crystals")
    only = _composition_of_totals(head, f"{path}: check `energy` ('{energy}') and `unit` ('{unit}')")
    yield from head
    for item in items:
        if only and isinstance(item, Entry) and reduced_counts(item.crystal.numbers) != only:
            raise ValueError(
                f"{path}: the first {HEAD} crystals are of one composition with energies far from 0, {item.id} is of "
                f"another: total energies do not compare between compositions. Give formation energies as `energy`"
            )
        yield item


def _composition_of_totals(head: list[Entry | Rejected], check: str) -> tuple | None:
    """The composition if the energies look like total ones and have but one; a ValueError if they are implausible."""
    entries = [item for item in head if isinstance(item, Entry)]
    if not entries:
        without = [item.detail for item in head if isinstance(item, Rejected) and item.kind == NO_ENERGY]
        if len(without) == len(head):
            raise ValueError(f"{check}: none of the first {len(head)} rows has an energy ({without[0]})")
        return None
    energies = np.array([entry.formation_energy for entry in entries])
    if len(entries) > 1 and not energies.any():
        raise ValueError(f"{check}: the first {len(entries)} energies are all exactly 0")
    compositions = {reduced_counts(entry.crystal.numbers) for entry in entries}
    offset = np.median(energies) if len(compositions) == 1 else 0.0
    typical = np.median(np.abs(energies - offset))
    if typical > LARGEST:
        raise ValueError(
            f"{check}: among the first {len(entries)}, |energy| is {typical:.4g} eV/atom in the median, more than "
            f"{LARGEST:g}, too much for formation energies. Total energies serve a set of one composition only"
        )
    return compositions.pop() if len(compositions) == 1 and abs(offset) > LARGEST else None
