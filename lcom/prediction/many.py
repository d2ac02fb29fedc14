"""Many swapped starts of each compound, all descended, the lowest ends decoded: the lowest crystal, in the known number of atoms.

As `lcom predict` descends and decodes, for the compounds of a run, so that it stands beside the searches at the seconds they take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lcom.base.parallel import chunks
from lcom.cdvae.settings import DecodeSettings
from lcom.data.packed import Dataset
from lcom.formula import read_formula
from lcom.prediction.at_rest import at_rest
from lcom.prediction.networks import Networks
from lcom.prediction.propose import Proposal, propose
from lcom.prediction.rank import Found
from lcom.prediction.starts import starting_crystals
from lcom.search.energy_model import EnergyModel
from lcom.starts.swapped import nothing_fits
from lcom.starts.volume import VolumeModel
from lcom.surrogate.settings import OptimiseSettings

ORIGIN = "descent"
TOGETHER = 8  # compounds whose descents and decodings share batches


@dataclass(frozen=True)
class Many:
    """draws: starts, at most · decoded: ends of descents, the lowest · energy_model: chooses among the decodings, each where
    it finds that lowest; None: the surrogates, each as it is."""

    networks: Networks
    train: Dataset
    volumes: VolumeModel
    descent: OptimiseSettings
    decoding: DecodeSettings
    draws: int
    decoded: int
    energy_model: EnergyModel | None = None

    def find(self, compounds: Sequence[tuple[str, np.ndarray]], seed: int) -> list[Found | str]:
        """Of each compound, formula and atomic numbers [n], the lowest crystal, or why there is none."""
        found: list[Found | str] = []
        for together in chunks(compounds, TOGETHER):
            starts = {
                formula: starting_crystals(
                    self.train, self.volumes, read_formula(formula), [len(numbers)], self.draws, seed
                )
                for formula, numbers in together
            }
            some = {formula: crystals for formula, crystals in starts.items() if crystals}
            proposed = propose(self.networks, some, self.descent, self.decoding, seed, self.decoded) if some else {}
            judged = self._judged(proposed)
            for formula, numbers in together:
                reason = "no decoding was sound" if starts[formula] else nothing_fits(numbers)
                found.append(min(judged.get(formula, []), key=lambda one: one.energy, default=reason))
        return found

    def _judged(self, proposed: Mapping[str, Sequence[Proposal]]) -> dict[str, list[Found]]:
        if self.energy_model is None:
            return {name: [Found(one.crystal, one.energy, ORIGIN) for one in own] for name, own in proposed.items()}
        crystals = {name: [one.crystal for one in own] for name, own in proposed.items()}
        ends = at_rest(self.energy_model, crystals)
        return {name: [Found(*end, ORIGIN) for end in own] for name, own in ends.items()}
