"""Compositions that training has not seen, for the lower half of Figure 3: no table of compounds has to know their crystals."""

from __future__ import annotations

import torch

from lcom.base.seeding import generator
from lcom.batch import select, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.formula import read_formula
from lcom.starts.swapped import fitting


def unseen(train: Dataset, val: Dataset, count: int) -> dict[str, Crystal]:
    """Formula, without parentheses -> its lowest crystal, of up to ``count`` compositions of the validation part, drawn without regard to
    anything, in their order; of those alone whose cell some training crystal fits, which a start can be made from."""
    rows = torch.nonzero(val.energy_above == 0).flatten()
    lowest = {read_formula(crystal.formula).name: crystal for crystal in reversed(unpack(select(val.batch, rows)))}
    possible = [formula for formula in sorted(lowest) if len(fitting(train.batch, lowest[formula].numbers))]
    chosen = generator("unseen").permutation(len(possible))[:count]
    return {possible[i]: lowest[possible[i]] for i in sorted(chosen)}
