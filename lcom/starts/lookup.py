"""A look into the training data, with no network: what is known to be lowest where the composition is most alike, atoms swapped."""

from __future__ import annotations

import numpy as np
import torch

from lcom.batch import select, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.elements import composition_features
from lcom.starts.swapped import atoms_of, fitting, lowest, nothing_fits, swap
from lcom.starts.volume import VolumeModel


def analogues(data: Dataset, numbers: np.ndarray, volumes: VolumeModel, most: int = 1) -> list[Crystal]:
    """The lowest crystals, of the cell's counts of elements, of the `most` training compositions nearest to `numbers` [n] in the element
    features, each with its atoms swapped; the nearest first. ValueError if no crystal fits."""
    rows = lowest(data, fitting(data.batch, numbers))
    if not len(rows):
        raise ValueError(nothing_fits(numbers))
    known = np.stack([composition_features(atoms) for atoms in atoms_of(data.batch, rows)])
    distance = np.linalg.norm(known - composition_features(numbers), axis=1)
    nearest = torch.from_numpy(rows[np.argsort(distance, kind="stable")[:most]])
    return [swap(crystal, numbers, volumes) for crystal in unpack(select(data.batch, nearest))]
