"""A look into the training data, with no network: what is known to be lowest where the composition is most alike, atoms swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lcom.batch import select, unpack
from lcom.crystal import Crystal, reduced_counts
from lcom.data.packed import Dataset
from lcom.elements import composition_features
from lcom.starts.swapped import atoms_of, fitting, lowest, nothing_fits, swap
from lcom.starts.volume import VolumeModel


def analogues(data: Dataset, cells: Sequence[np.ndarray], volumes: VolumeModel, most: int = 1) -> list[Crystal]:
    """The lowest crystals, with the counts of elements of one of the cells (atomic numbers, [n] each), of the `most` training compositions
    nearest in the element features, each with its atoms swapped; the nearest first. ValueError if no crystal fits."""
    chosen = by_likeness(data, cells)[:most]
    if not chosen:
        raise ValueError(nothing_fits(cells[0]))
    crystals = unpack(select(data.batch, torch.tensor([row for row, _ in chosen])))
    return [swap(crystal, numbers, volumes) for crystal, (_, numbers) in zip(crystals, chosen, strict=True)]


def by_likeness(data: Dataset, cells: Sequence[np.ndarray]) -> list[tuple[int, np.ndarray]]:
    """Of each composition that fits a cell the row of its lowest crystal and the cell, the composition most alike first."""
    found = []
    for numbers in cells:
        rows = lowest(data, fitting(data.batch, numbers))
        if not len(rows):
            continue
        atoms = atoms_of(data.batch, rows)
        # the same for a composition in cells of all sizes, but for the last digits
        away = np.linalg.norm(composition_features(atoms) - composition_features(numbers), axis=-1).round(6)
        for distance, row, own in zip(away.tolist(), rows.tolist(), atoms, strict=True):
            found.append((distance, float(data.energy_above[row]), row, reduced_counts(own), numbers))
    best: dict[tuple, tuple[int, np.ndarray]] = {}
    for _, _, row, composition, numbers in sorted(found, key=lambda one: one[:3]):
        best.setdefault(composition, (row, numbers))
    return list(best.values())
