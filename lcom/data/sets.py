"""From a table of crystals to the packed sets that the networks read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from lcom.batch import Batch
from lcom.data.packed import Dataset
from lcom.data.split import energy_above
from lcom.data.table import Crystals


def packed_parts(crystals: Crystals, part: np.ndarray) -> tuple[Dataset, Dataset]:
    """The training and the validation set; part [B]: train, val or heldout."""
    above = energy_above(crystals, part != "heldout")
    train, val = (packed(crystals, np.flatnonzero(part == name), above) for name in ("train", "val"))
    return train, val


def packed(crystals: Crystals, rows: np.ndarray, above: np.ndarray) -> Dataset:
    """The crystals ``rows`` as a data set; above [B]: energies above the lowest of each composition."""
    atoms = crystals.atoms_of(rows)
    batch = Batch(
        torch.tensor(crystals.numbers[atoms].astype(np.int64)),
        torch.tensor(crystals.frac_coords[atoms], dtype=torch.float32),
        torch.tensor(crystals.lattice[rows], dtype=torch.float32),
        torch.tensor(crystals.n_atoms[rows]),
    )
    energy = torch.tensor(crystals.formation_energy[rows], dtype=torch.float32)
    above = torch.tensor(above[rows], dtype=torch.float32)
    code, levels = pd.factorize(crystals.levels)  # the same for all parts
    return Dataset(crystals.ids[rows].tolist(), batch, energy, above, torch.tensor(code[rows]), levels.tolist())
