"""Formulas -> what is ranked: crystals that the networks propose beside crystals that are looked up, with energies of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.formula import Formula
from lcom.prediction.at_rest import at_rest
from lcom.prediction.networks import Networks
from lcom.prediction.propose import Proposal, appraised, propose
from lcom.prediction.rank import HANDICAP, Found
from lcom.prediction.searched import searched
from lcom.prediction.starts import cells, starting_crystals
from lcom.search.energy_model import EnergyModel
from lcom.starts.lookup import analogues
from lcom.starts.volume import VolumeModel
from lcom.surrogate.settings import OptimiseSettings

Group = Sequence[tuple[Formula, list[int]]]  # formulas with their cell sizes, in atoms


@dataclass(frozen=True)
class Plan:
    """How long to look. starts, alike, space_group, seed: as `starting_crystals` takes them · decoded: the lowest ends of descents, None:
    all · look_up: so many crystals of the compositions most alike · search: candidates of a search in each small cell."""

    descent: OptimiseSettings
    decoding: DecodeSettings
    starts: int
    alike: float
    look_up: int
    search: int
    decoded: int | None = None
    space_group: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Finder:
    """train: what the networks were trained on · energy_model: ranks, each crystal where it finds that lowest (lcom.search.settle);
    None: the surrogates do, each crystal as it is."""

    networks: Networks
    train: Dataset
    volumes: VolumeModel
    energy_model: EnergyModel | None

    @property
    def handicap(self) -> float:
        """Of crystals in the order by these energies (lcom.prediction.rank): what a model relaxes seeks out its errors."""
        return HANDICAP if self.energy_model is not None and self.energy_model.settings.slope_weight else 0.0

    def find(self, group: Group, plan: Plan) -> dict[str, list[list[Found]]]:
        """For every formula what descents found, what was looked up, and what a search with the energy model found."""
        asked = {formula.name: cells(formula, sizes) for formula, sizes in group}
        with ThreadPoolExecutor(1) as beside:  # torch leaves the interpreter to the other while it calculates
            searching: Future[dict[str, list[Crystal]]] | None = None
            if self.energy_model is not None and plan.search:
                searching = beside.submit(searched, self.energy_model, asked, plan.search, plan.seed)
            descents = self._descended(group, plan)
            found = searching.result() if searching else {}
        known = {
            name: analogues(self.train, sizes, self.volumes, plan.look_up)
            for name, sizes in asked.items()
            if plan.look_up
        }
        if self.energy_model is None:
            said = {"descent": descents, "look-up": appraised(self.networks, known) if known else {}}
            return {
                formula.name: [
                    [Found(one.crystal, one.energy, origin) for one in kind.get(formula.name, [])]
                    for origin, kind in said.items()
                ]
                for formula, _ in group
            }
        proposed = {name: [one.crystal for one in own] for name, own in descents.items()}
        kinds = {"descent": proposed, "look-up": known, "search": found}
        crystals = {(name, origin): kind.get(name, []) for name in asked for origin, kind in kinds.items()}
        rested = at_rest(self.energy_model, crystals)
        return {name: [[Found(*one, origin) for one in rested[name, origin]] for origin in kinds] for name in asked}

    def _descended(self, group: Group, plan: Plan) -> dict[str, list[Proposal]]:
        starts = {
            formula.name: starting_crystals(
                self.train, self.volumes, formula, sizes, plan.starts, plan.seed, plan.space_group, plan.alike
            )
            for formula, sizes in group
        }
        decoding = self.networks.decoding(plan.decoding)
        return propose(self.networks, starts, plan.descent, decoding, plan.seed, plan.decoded)
