"""Crystals that stand more than once in a data set: by energy, volume and StructureMatcher."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from lcom.base.parallel import ordered_map
from lcom.crystal import Crystal
from lcom.data.table import from_arrow
from lcom.matching import NARROW

CHUNK = 64
# two crystals of one composition and level of theory are the same if all of these agree and pymatgen's StructureMatcher says so
SAME_ENERGY, SAME_VOLUME = 0.005, 0.02  # eV/atom, relative


def repeated(table: pa.Table, workers: int) -> np.ndarray:
    """Which rows hold a crystal that another row of lower (or the same, and earlier) energy holds, too: [n] bool."""
    crystals = from_arrow(table)
    frame = pd.DataFrame(
        {
            "group": crystals.comparable * 1000 + crystals.n_atoms,
            "energy": crystals.formation_energy,
            "volume": np.abs(np.linalg.det(crystals.lattice)) / crystals.n_atoms,
        }
    ).sort_values(["group", "energy"], kind="stable")
    order, result = frame.index.to_numpy(), np.zeros(len(crystals), dtype=bool)
    group, energy, volume = (frame[key].to_numpy() for key in ("group", "energy", "volume"))

    def tasks() -> Iterator[list[tuple]]:
        task, size = [], 0
        for rows in _clusters(group, energy, volume):
            task.append((rows, energy[rows], volume[rows], [crystals.crystal(i) for i in order[rows]]))
            size += len(rows)
            if size >= CHUNK:
                yield task
                task, size = [], 0
        yield task

    for rows in ordered_map(_repeated_in, tasks(), workers):
        result[order[rows]] = True
    return result


def _clusters(group: np.ndarray, energy: np.ndarray, volume: np.ndarray) -> Iterator[np.ndarray]:
    """Rows, sorted by group and energy, cut at gaps in energy and then in volume, over which no two crystals are the same.

    Each cluster keeps the order by energy; single rows are left out.
    """
    cuts = np.flatnonzero((np.diff(group) != 0) | (np.diff(energy) > SAME_ENERGY)) + 1
    begin, end = np.r_[0, cuts], np.r_[cuts, len(group)]
    for k in np.flatnonzero(end - begin > 1):
        rows = np.arange(begin[k], end[k])
        rows = rows[np.argsort(volume[rows], kind="stable")]
        apart = np.flatnonzero(volume[rows[:-1]] / volume[rows[1:]] < 1 - SAME_VOLUME) + 1
        yield from (np.sort(part) for part in np.split(rows, apart) if len(part) > 1)


def _repeated_in(clusters: list[tuple[np.ndarray, np.ndarray, np.ndarray, list[Crystal]]]) -> list[int]:
    """The rows of (rows, energy, volume, crystals) that are the crystal of an earlier row which stays."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(**NARROW)
    found = []
    for rows, energy, volume, crystals in clusters:
        structures = [crystal.to_structure() for crystal in crystals]
        stay: list[int] = []
        for j in range(len(rows)):
            first = np.searchsorted(energy, energy[j] - SAME_ENERGY)
            alike = (i for i in stay[bisect_left(stay, first) :] if abs(volume[i] / volume[j] - 1) <= SAME_VOLUME)
            if any(matcher.fit(structures[i], structures[j]) for i in alike):
                found.append(rows[j])
            else:
                stay.append(j)
    return found
