"""Crystals as they are ranked: each where the energy model finds it lowest, without what no DFT should see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np

from lcom.crystal import Crystal
from lcom.physical import unphysical
from lcom.search.energy_model import EnergyModel
from lcom.search.settle import settled, shortlist

RELAXED = 16  # crystals of a group that are relaxed with the energy model, the lowest

K = TypeVar("K")


def at_rest(model: EnergyModel, groups: Mapping[K, Sequence[Crystal]]) -> dict[K, list[tuple[Crystal, float]]]:
    """With the model's energies, eV/atom; of one that has learned forces only the RELAXED lowest crystals of each group."""
    if model.settings.slope_weight:
        groups = {key: shortlist(model, crystals, RELAXED) for key, crystals in groups.items()}
    ends = iter(settled(model, [crystal for crystals in groups.values() for crystal in crystals]))
    return {
        key: [
            (crystal, energy)
            for crystal, energy in islice(ends, len(crystals))
            if np.isfinite(energy) and not unphysical(crystal)
        ]
        for key, crystals in groups.items()
    }
