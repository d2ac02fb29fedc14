"""Crystals at what the energy model takes for their minima: relaxed, if it has learned forces, else scaled to their lowest volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.batch import pack, unpack
from lcom.crystal import Crystal
from lcom.data.generator.evaluation import Evaluation
from lcom.data.generator.relaxation import WalkSettings, relax
from lcom.search.energy_model import EnergyModel

# short: from 25 steps on crystals change less than the model errs, and far from where it began it knows little
WALK = WalkSettings(fmax=0.05, max_steps=25, max_displacement=0.1, batch=240)


def settled(model: EnergyModel, crystals: Sequence[Crystal]) -> list[tuple[Crystal, float]]:
    """Each crystal where the model finds it lowest, and that energy in eV/atom; NaN where its cell went astray."""
    if not crystals:
        return []
    if not model.settings.slope_weight:
        batch, energies = model.at_lowest_volumes(pack(crystals).to(model.mean.device))
        return list(zip(unpack(batch), energies.tolist(), strict=True))
    return [(walk.crystal, walk.energy) for walk in relax(crystals, Evaluated(model), WALK)]


class Evaluated:
    """The model as `lcom.data.generator.relaxation.relax` asks it."""

    def __init__(self, model: EnergyModel) -> None:
        self.model = model

    def __call__(self, crystals: list[Crystal]) -> list[Evaluation]:
        energies, forces, virials = (
            t.cpu().double().numpy() for t in self.model.slopes(pack(crystals).to(self.model.mean.device))
        )
        split = np.split(forces, np.cumsum([len(crystal) for crystal in crystals])[:-1])
        return [Evaluation(e, e, f, v) for e, f, v in zip(energies.tolist(), split, virials, strict=True)]
