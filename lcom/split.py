"""Training, validation and held-out crystals.

The benchmark compounds leave training and validation by reduced formula, all their polymorphs (``formula``, the default), or only their
ground states (``ground_state``). Validation takes whole compositions, so that it measures what the benchmark asks:
crystals of compositions never seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lcom.crystal import Crystal, reduced_counts
from lcom.seeding import generator

MATCHER = {"ltol": 0.3, "stol": 0.5, "angle_tol": 10}


@dataclass(frozen=True)
class SplitSettings:
    """holdout: formula or ground_state · val_fraction of the compositions, drawn with seed"""

    holdout: str = "formula"
    val_fraction: float = 0.1
    seed: int = 0


def split(crystals: Sequence[Crystal], known: Sequence[Crystal], settings: SplitSettings) -> pd.DataFrame:
    """part (train, val, heldout) and reason for every crystal, in order. known: the ground states of the benchmark compounds.

    ``ground_state`` drops the crystals that match a known ground state (StructureMatcher) and keeps its other polymorphs.
    """
    keys = [reduced_counts(c.numbers) for c in crystals]
    benchmark = {reduced_counts(c.numbers): c for c in known}
    part, reason = np.full(len(crystals), "train", dtype=object), np.full(len(crystals), "", dtype=object)
    for i, key in enumerate(keys):
        if key in benchmark and (settings.holdout == "formula" or _same(crystals[i], benchmark[key])):
            part[i] = "heldout"
            reason[i] = "benchmark formula" if settings.holdout == "formula" else "benchmark ground state"
    free = sorted({key for key in keys if key not in benchmark})
    count = math.ceil(settings.val_fraction * len(free)) if len(free) > 1 else 0
    if not 0 < count < len(free):
        raise ValueError(
            f"{len(free)} compositions outside the benchmark cannot be split with data.val_fraction {settings.val_fraction}: "
            "give more data or another fraction"
        )
    chosen = {free[i] for i in generator("split", settings.seed).permutation(len(free))[:count]}
    for i, key in enumerate(keys):
        if key in chosen:
            part[i], reason[i] = "val", "validation composition"
    return pd.DataFrame({"part": part, "reason": reason})


def _same(crystal: Crystal, ground_state: Crystal) -> bool:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return bool(StructureMatcher(**MATCHER).fit(crystal.to_structure(), ground_state.to_structure()))


def energy_above(crystals: Sequence[Crystal], energies: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Energy above the lowest kept crystal of the same composition, eV/atom; kept [n] bool. NaN for crystals that are not kept."""
    keys = pd.Series([str(reduced_counts(c.numbers)) for c in crystals])
    values = pd.Series(np.where(kept, energies, np.nan))
    return (values - values.groupby(keys).transform("min")).to_numpy()
