"""What the descent gains over its start (section 6, Figure 3 of the paper): by GPAW from the rows of Table 1, and for compositions that
training has not seen by CHGNet, which has an energy for each in milliseconds."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lcom.report.judge import SUSPICIOUS
from lcom.report.rows import read_rows

COMPARED = ("lcoms", "sl", "choice")  # the last is the control: what the descents gain beyond it they have earned
RUN = ["dataset", "start", "compound", "seed"]
NAMES = ["dataset", "start", "method", "compound"]
UNSEEN = [*NAMES, "seed", "energy"]  # energies of CHGNet, eV/atom, nan where there is none


def read_gains(table: Path) -> pd.DataFrame:
    """table1.csv -> its rows of the descents and of their control, with judge (GPAW) and gain: 100 (E(start) - E(found)) / |E(start)|,
    energies relative to isolated atoms; -inf where what was found has none, or one that Table 1 calls suspicious.

    Left out: starts without energy, and those above their isolated atoms, where per cent mean nothing.
    """
    rows = read_rows(table)
    begun = rows[(rows.method == "start") & (rows.energy < 0)]
    found = rows[rows.method.isin(COMPARED)].merge(begun[[*RUN, "energy"]], on=RUN, suffixes=("", "_start"))
    gain = 100 * (found.energy_start - found.energy) / found.energy_start.abs()
    lost = found.energy.isna() | (found.delta_e_mev < SUSPICIOUS)
    return found[[*RUN, "method"]].assign(judge="GPAW", gain=gain.mask(lost, -math.inf))


def unseen_gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of UNSEEN, of the methods known (the lowest known crystal), start, and the descents -> those of start and descents, each with
    delta_e_mev above the known crystal, and gain in meV/atom over its start; nan where an energy is missing."""
    known = rows[rows.method == "known"].set_index("compound").energy
    begun = rows[rows.method == "start"].set_index(RUN).energy
    found = rows[rows.method != "known"]
    start = begun.reindex(pd.MultiIndex.from_frame(found[RUN])).to_numpy()
    return found.assign(
        delta_e_mev=1000 * (found.energy - found["compound"].map(known)), gain=1000 * (start - found.energy)
    )


def read_unseen(table: Path) -> pd.DataFrame:
    """What `unseen_gains` made, from its file -> the same rows, with judge (CHGNet) and gain: -inf where what was found has no
    energy, or one so far below the known crystal that it is no crystal. Left out: starts without energy."""
    try:
        rows = pd.read_csv(table, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])
        begun = rows[(rows.method == "start") & rows.energy.notna()]
        found = rows[rows.method.isin(COMPARED)].merge(begun[RUN], on=RUN)
        lost = found.gain.isna() | (found.delta_e_mev < SUSPICIOUS)
        return found[[*RUN, "method"]].assign(judge="CHGNet", gain=found.gain.mask(lost, -math.inf))
    except (KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{table} is not readable ({error!r}); delete it to have it made again") from error
