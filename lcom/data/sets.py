"""From a table of crystals and its split to the packed sets that the networks read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lcom.data.pack import pack_rows
from lcom.data.packed import Dataset
from lcom.data.split import energy_above
from lcom.data.table import Crystals


def packed_parts(crystals: Crystals, part: np.ndarray) -> tuple[Dataset, Dataset]:
    """The training and the validation set; part [B]: train, val or heldout."""
    above = energy_above(crystals, part != "heldout")
    levels = pd.unique(crystals.levels)  # the same for all parts
    train, val = (pack_rows(crystals, np.flatnonzero(part == name), above, levels) for name in ("train", "val"))
    return train, val
