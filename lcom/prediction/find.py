"""Formulas -> what is ranked: crystals that the networks propose beside crystals that are looked up, with energies of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lcom.batch import pack
from lcom.cdvae.settings import DecodeSettings
from lcom.data.packed import Dataset
from lcom.formula import Formula
from lcom.prediction.networks import Networks
from lcom.prediction.propose import Proposal, appraised, propose
from lcom.prediction.rank import Found
from lcom.prediction.starts import cells, starting_crystals
from lcom.search.energy_model import EnergyModel
from lcom.starts.lookup import analogues
from lcom.starts.volume import VolumeModel
from lcom.surrogate.settings import OptimiseSettings

Group = Sequence[tuple[Formula, list[int]]]  # formulas with their cell sizes, in atoms


@dataclass(frozen=True)
class Plan:
    """How long to look. starts, alike, space_group, seed: as `starting_crystals` takes them · decoded: the lowest ends of descents, None:
    all · look_up: crystals of the compositions most alike, as they are."""

    descent: OptimiseSettings
    decoding: DecodeSettings
    starts: int
    alike: float
    look_up: int
    decoded: int | None = None
    space_group: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Finder:
    """train: what the networks were trained on · energy_model: ranks, as it knows crystals off the minima; None: the surrogates do."""

    networks: Networks
    train: Dataset
    volumes: VolumeModel
    energy_model: EnergyModel | None

    def find(self, group: Group, plan: Plan) -> dict[str, list[list[Found]]]:
        """For every formula what descents found, then what was looked up."""
        starts = {
            formula.name: starting_crystals(
                self.train, self.volumes, formula, sizes, plan.starts, plan.seed, plan.space_group, plan.alike
            )
            for formula, sizes in group
        }
        decoding = self.networks.decoding(plan.decoding)
        descents = propose(self.networks, starts, plan.descent, decoding, plan.seed, plan.decoded)
        known = {
            formula.name: analogues(self.train, cells(formula, sizes), self.volumes, plan.look_up)
            for formula, sizes in group
            if plan.look_up
        }
        looked_up = appraised(self.networks, known) if known else {}
        return {
            formula.name: [
                self._valued(descents[formula.name], "descent"),
                self._valued(looked_up.get(formula.name, []), "look-up"),
            ]
            for formula, _ in group
        }

    def _valued(self, proposals: Sequence[Proposal], origin: str) -> list[Found]:
        energies = [proposal.energy for proposal in proposals]
        if self.energy_model is not None and proposals:
            with torch.no_grad():
                batch = pack([proposal.crystal for proposal in proposals]).to(self.networks.device)
                energies = self.energy_model(batch).tolist()
        return [Found(p.crystal, energy, origin) for p, energy in zip(proposals, energies, strict=True)]
