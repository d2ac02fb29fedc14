"""Crystals as they are ranked: each where the energy model finds it lowest, without what no DFT should see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.crystal import Crystal
from lcom.physical import unphysical
from lcom.prediction.rank import Found
from lcom.search.energy_model import EnergyModel
from lcom.search.settle import settled, shortlist

RELAXED = 16  # crystals of an origin that are relaxed with the energy model, the lowest


def at_rest(model: EnergyModel, crystals: Sequence[Crystal], origin: str) -> list[Found]:
    """With the model's energies; of one that has learned forces only the RELAXED lowest crystals."""
    if model.settings.slope_weight:
        crystals = shortlist(model, crystals, RELAXED)
    found = (Found(crystal, energy, origin) for crystal, energy in settled(model, crystals))
    return [one for one in found if np.isfinite(one.energy) and not unphysical(one.crystal)]
