"""Compositions that training has not seen, for the lower half of Figure 3: no table of compounds has to know their crystals."""

from __future__ import annotations

import torch

from lcom.base.seeding import generator
from lcom.batch import select, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.starts.swapped import fitting


def unseen(train: Dataset, val: Dataset, count: int) -> list[Crystal]:
    """The lowest crystal of up to ``count`` compositions of the validation part, drawn without regard to anything, in the order of their
    formulas; of those alone whose cell some training crystal fits, which a start can be made from."""
    rows = torch.nonzero(val.energy_above == 0).flatten()
    lowest = {crystal.formula: crystal for crystal in reversed(unpack(select(val.batch, rows)))}
    possible = [formula for formula in sorted(lowest) if len(fitting(train.batch, lowest[formula].numbers))]
    chosen = generator("unseen").permutation(len(possible))[:count]
    return [lowest[possible[i]] for i in sorted(chosen)]
