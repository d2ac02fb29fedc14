"""Rows of a table of crystals as packed tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lcom.batch import Batch
from lcom.data.packed import Dataset
from lcom.data.table import Crystals


def pack_rows(crystals: Crystals, rows: np.ndarray, above: np.ndarray, levels: Sequence[str]) -> Dataset:
    """The crystals ``rows`` as a data set; above [B]: energies above the lowest of each composition; levels: of theory, all."""
    atoms = crystals.atoms_of(rows)
    batch = Batch(
        torch.tensor(crystals.numbers[atoms].astype(np.int64)),
        torch.tensor(crystals.frac_coords[atoms], dtype=torch.float32),
        torch.tensor(crystals.lattice[rows], dtype=torch.float32),
        torch.tensor(crystals.n_atoms[rows]),
    )
    energy = torch.tensor(crystals.formation_energy[rows], dtype=torch.float32)
    place = {level: i for i, level in enumerate(levels)}
    return Dataset(
        crystals.ids[rows].tolist(),
        batch,
        energy,
        torch.tensor(above[rows], dtype=torch.float32),
        torch.tensor([place[level] for level in crystals.levels[rows]], dtype=torch.long),
        list(levels),
    )
