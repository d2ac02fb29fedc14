"""Many swapped starts of each compound, all descended, the lowest ends decoded: the lowest crystal, in the known number of atoms.

What `lcom predict` does, for the compounds of a run, so that it stands beside the searches at the seconds they take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcom.base.parallel import chunks
from lcom.batch import pack
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.formula import read_formula
from lcom.prediction.networks import Networks
from lcom.prediction.propose import Proposal, propose
from lcom.prediction.starts import starting_crystals
from lcom.search.energy_model import EnergyModel
from lcom.starts.swapped import nothing_fits
from lcom.starts.volume import VolumeModel
from lcom.surrogate.settings import OptimiseSettings

TOGETHER = 8  # compounds whose descents and decodings share batches


@dataclass(frozen=True)
class Lowest:
    """energy: eV/atom, of what chose it."""

    crystal: Crystal
    energy: float


@dataclass(frozen=True)
class Many:
    """draws: starts, at most · decoded: ends of descents, the lowest · energy_model: chooses among the decodings, None: the surrogates."""

    networks: Networks
    train: Dataset
    volumes: VolumeModel
    descent: OptimiseSettings
    decoding: DecodeSettings
    draws: int
    decoded: int
    energy_model: EnergyModel | None = None

    def find(self, compounds: Sequence[tuple[str, np.ndarray]], seed: int) -> list[Lowest | str]:
        """Of each compound, formula and atomic numbers [n], the lowest crystal, or why there is none."""
        found: list[Lowest | str] = []
        for together in chunks(compounds, TOGETHER):
            starts = {
                formula: starting_crystals(
                    self.train, self.volumes, read_formula(formula), [len(numbers)], self.draws, seed
                )
                for formula, numbers in together
            }
            some = {formula: crystals for formula, crystals in starts.items() if crystals}
            proposed = propose(self.networks, some, self.descent, self.decoding, seed, self.decoded) if some else {}
            for formula, numbers in together:
                proposals = proposed.get(formula, [])
                reason = "no decoding was sound" if starts[formula] else nothing_fits(numbers)
                found.append(self._lowest(proposals) if proposals else reason)
        return found

    def _lowest(self, proposals: Sequence[Proposal]) -> Lowest:
        crystals, energies = [proposal.crystal for proposal in proposals], [proposal.energy for proposal in proposals]
        if self.energy_model is not None:
            energies = self.energy_model.energies(pack(crystals)).tolist()
        best = int(np.argmin(energies))
        return Lowest(crystals[best], energies[best])
