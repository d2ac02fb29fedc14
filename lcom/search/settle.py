"""Crystals at what the energy model takes for their minima: relaxed, if it has learned forces, else scaled to their lowest volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.batch import pack, unpack
from lcom.crystal import Crystal
from lcom.data.generator.evaluation import Evaluation
from lcom.data.generator.relaxation import WalkSettings, relax
from lcom.search.energy_model import EnergyModel
from lcom.symmetry import SYMPREC, operations

ONE_ENERGY, ONE_VOLUME = 1e-3, 3e-3  # eV/atom, and relative: two crystals as near to each other end as one
# short: after that crystals change less than the model errs, and far from where it began it knows little
WALK = WalkSettings(fmax=0.05, max_steps=25, max_displacement=0.1, batch=240)


def shortlist(model: EnergyModel, crystals: Sequence[Crystal], most: int) -> list[Crystal]:
    """The `most` lowest of the crystals, each at its lowest volume and those of nearly one energy and volume once: what to relax."""
    if not crystals:
        return []
    batch, energies = model.at_lowest_volumes(pack(crystals).to(model.mean.device))
    kept: list[tuple[float, float, Crystal]] = []
    for energy, crystal in sorted(zip(energies.tolist(), unpack(batch), strict=True), key=lambda pair: pair[0]):
        volume = crystal.volume / len(crystal)
        if not any(energy - e < ONE_ENERGY and abs(volume / v - 1) < ONE_VOLUME for e, v, _ in kept):
            kept.append((energy, volume, crystal))
        if len(kept) == most:
            break
    return [crystal for _, _, crystal in kept]


def settled(model: EnergyModel, crystals: Sequence[Crystal]) -> list[tuple[Crystal, float]]:
    """Each crystal where the model finds it lowest, and that energy in eV/atom; NaN where its cell went astray.

    It is relaxed in the symmetry that it nearly has: one that was decoded lacks a little of it, which the model's forces would not bring.
    """
    if not crystals:
        return []
    if not model.settings.slope_weight:
        batch, energies = model.at_lowest_volumes(pack(crystals).to(model.mean.device))
        return list(zip(unpack(batch), energies.tolist(), strict=True))
    symmetries = [operations(crystal, SYMPREC) for crystal in crystals]
    starts = [c if s is None else s.averaged(c)[0] for c, s in zip(crystals, symmetries, strict=True)]
    walks = relax(starts, Evaluated(model), WALK, symmetries=symmetries)
    lowest = [min(walk.frames, key=lambda frame: frame.found.energy, default=None) for walk in walks]
    return [
        (start, np.nan) if frame is None else (frame.crystal, frame.found.energy)
        for start, frame in zip(starts, lowest, strict=True)
    ]


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
