"""From a table of crystals and its split to the packed sets that the networks read."""

from __future__ import annotations

import numpy as np

from lcom.data.pack import pack_rows
from lcom.data.packed import Dataset
from lcom.data.table import Crystals


def packed_parts(crystals: Crystals, part: np.ndarray) -> tuple[Dataset, Dataset]:
    """The training and the validation set; part [B]: train, val or heldout."""
    above = energy_above(crystals, part != "heldout")
    levels = list(dict.fromkeys(crystals.levels))  # the same for all parts
    train, val = (pack_rows(crystals, np.flatnonzero(part == name), above, levels) for name in ("train", "val"))
    return train, val


def energy_above(crystals: Crystals, kept: np.ndarray) -> np.ndarray:
    """Energy above the lowest kept crystal of the same formula and level of theory, eV/atom; kept [n] bool. NaN for crystals that are
    not kept."""
    energy, same = np.where(kept, crystals.formation_energy, np.nan), crystals.comparable
    lowest = np.full(same.max(initial=-1) + 1, np.nan)
    np.fmin.at(lowest, same, energy)
    return energy - lowest[same]
