"""What the descent gains over its start (section 6, Figure 3 of the paper), from the rows of Table 1."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lcom.report.judge import SUSPICIOUS

COMPARED = ("lcoms", "sl")
RUN = ["dataset", "start", "compound", "seed"]


def read_gains(table: Path) -> pd.DataFrame:
    """table1.csv -> its rows of the two descents, with per_cent: (E(start) - E(found)) / |E(start)|, energies relative to isolated
    atoms; -inf where what was found has none, or one that Table 1 calls suspicious.

    Left out: starts without energy, and those above their isolated atoms, where per cent mean nothing.
    """
    try:
        rows = pd.read_csv(table, keep_default_na=False, na_values={"energy": [""], "delta_e_mev": [""]})
        energy, delta = (rows[key].astype(float) for key in ("energy", "delta_e_mev"))
        begun = rows[(rows.method == "start") & (energy < 0)]
        found = rows[rows.method.isin(COMPARED)].merge(begun[[*RUN, "energy"]], on=RUN, suffixes=("", "_start"))
    except (KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{table} is not readable ({error!r}); delete it to have it made again") from error
    gain = 100 * (found.energy_start - found.energy) / found.energy_start.abs()
    lost = found.energy.isna() | (found.delta_e_mev < SUSPICIOUS)
    return found[[*RUN, "method"]].assign(per_cent=gain.mask(lost, -math.inf))
