"""Training, validation and held-out crystals.

The benchmark compounds leave training and validation by reduced formula, all their polymorphs (``formula``, the default), or only their
ground states (``ground_state``). The compounds of further tables leave by formula. Validation takes whole compositions, so that it
measures what the benchmark asks: crystals of compositions never seen. Which ones is said by their formulas and the seed alone: where a
set grows, or is united with another, no composition that was trained on begins to validate. Of a data set with one composition it takes
single crystals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lcom.base.seeding import generator
from lcom.crystal import Crystal, reduced_counts
from lcom.data.settings import SplitSettings
from lcom.data.table import Crystals, numbered
from lcom.matching import SAME_RMSE, match_rmse


def split(
    crystals: Crystals, known: Sequence[Crystal], settings: SplitSettings, further: Sequence[np.ndarray] = ()
) -> pd.DataFrame:
    """part (train, val, heldout) and reason for every crystal, in order. known: the ground states of the benchmark compounds, all
    of its known polymorphs for one that has several, as any of them may be the lowest. further: atomic numbers [n] of each compound that
    leaves, too, by its formula.

    ``ground_state`` drops the crystals that match a known ground state (StructureMatcher, RMSE < 0.1) and keeps its other
    polymorphs.
    """
    code, first = _compositions(crystals)
    keys = [reduced_counts(crystals.crystal(i).numbers) for i in first]
    benchmark: dict[tuple, list[Crystal]] = {}
    for crystal in known:
        benchmark.setdefault(reduced_counts(crystal.numbers), []).append(crystal)
    part, reason = np.full(len(crystals), "train", dtype=object), np.full(len(crystals), "", dtype=object)
    tested = np.array([key in benchmark for key in keys])
    held = tested[code]
    if settings.holdout == "ground_state":
        for i in np.flatnonzero(held):
            held[i] = any(_same(crystals.crystal(i), state) for state in benchmark[keys[code[i]]])
    part[held] = "heldout"
    # one word for both kinds of tables: a run that takes a held-out table as its compounds has the same split
    reason[held] = "held-out formula" if settings.holdout == "formula" else "benchmark ground state"
    elsewhere = {reduced_counts(numbers) for numbers in further}
    apart = np.array([key in elsewhere for key in keys])
    part[apart[code]], reason[apart[code]] = "heldout", "held-out formula"
    tested, held = tested | apart, held | apart[code]
    free = sorted(key for key, is_tested in zip(keys, tested, strict=True) if not is_tested)
    if len(free) == 1:  # of one composition, as Carbon-24 is, single crystals
        rng = generator("split", settings.seed)
        rows = np.flatnonzero(~held)
        val = np.zeros(len(crystals), dtype=bool)
        val[rng.permutation(rows)[: math.ceil(settings.val_fraction * len(rows))]] = True
        reason[val] = "validation crystal"
    else:
        lot = {key: generator("split", settings.seed, *sum(key, ())).random() for key in free}
        chosen = {key for key in free if lot[key] < settings.val_fraction} or set(sorted(free, key=lot.__getitem__)[:1])
        val = np.array([key in chosen for key in keys])[code]
        reason[val] = "validation composition"
    part[val] = "val"
    if not (val.any() and (part == "train").any()):
        raise ValueError(
            f"{int((~held).sum())} crystals of {len(free)} compositions are left outside the benchmark: they cannot be split "
            f"with data.val_fraction {settings.val_fraction}. Give more data, another fraction, or other `compounds`"
        )
    return pd.DataFrame({"part": part, "reason": reason})


def _compositions(crystals: Crystals) -> tuple[np.ndarray, np.ndarray]:
    """The number of each crystal's composition, [B], and the first crystal of each composition."""
    code = numbered(crystals.formulas)
    return code, np.unique(code, return_index=True)[1]


def _same(crystal: Crystal, ground_state: Crystal) -> bool:
    rmse = match_rmse(ground_state, crystal)
    return rmse is not None and rmse < SAME_RMSE
