"""The search for the crystals of a group of formulas: propose, refine, relax if asked, tell duplicates apart, describe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from lcom.base.device import prepare_device
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal
from lcom.data.table import Crystals, read_crystals
from lcom.formula import read_formula
from lcom.physical import unphysical
from lcom.prediction.analogue import View, views
from lcom.prediction.find import Finder, Group, Plan
from lcom.prediction.hull import competing, hull_energy
from lcom.prediction.networks import Trained
from lcom.prediction.predicted import ENERGY, Predicted
from lcom.prediction.rank import Found, Refined, distinct, refined
from lcom.prediction.run_folder import CRYSTALS
from lcom.prediction.starts import known_crystals
from lcom.starts.volume import fit_volumes
from lcom.surrogate.settings import OptimiseSettings

if TYPE_CHECKING:
    from lcom.prediction.options import Options
    from lcom.prediction.relaxed import Chgnet

SAMPLES = 1  # decodings of an end of a descent: another end says more than a second decoding
RELAXED = 2  # times `keep`: crystals that are relaxed, of each origin as many
TARGETS = {"energy_above": "above the composition's lowest crystal, by the surrogates"}
TARGETS |= {"formation_energy": "formation energy, by the surrogates"}
TARGETS |= {"excess": "above what the composition alone lets one expect, by the surrogates"}
FORMATION = "formation energy, by the energy model"
ELEMENTS_ALONE = " from the elements alone, as the data set has no compound of them"


class Search:
    """The networks of a run's folder, and CHGNet if it is asked for."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.options = options
        # wanted last, and half a second beside the networks
        Thread(target=import_module, args=("pymatgen.analysis.structure_matcher",)).start()
        self.trained = Trained.load(folder, prepare_device(options.device, repeats=False))
        self.table = folder / CRYSTALS

    @cached_property
    def known(self) -> Crystals | None:
        """The crystals of the data set; None if the folder has no table of them."""
        return read_crystals(self.table) if self.table.is_file() else None

    @cached_property
    def finder(self) -> Finder:
        trained = self.trained
        return Finder(trained.networks, trained.train, fit_volumes(trained.train.batch), trained.energy_model)

    @cached_property
    def chgnet(self) -> Chgnet:
        from lcom.prediction.relaxed import Chgnet

        return Chgnet(self.known)

    def run(self, group: Group, say: Callable[[str], None]) -> dict[str, tuple[list[Predicted], str]]:
        """Ranked crystals, or the reason why there are none, for each formula with its cell sizes."""
        options = self.options
        names = [formula.name for formula, _ in group]
        say("descending and decoding " + ", ".join(names[:3]) + ("…" if len(names) > 3 else ""))
        result = {}
        for name, origins in self.finder.find(group, plan(options)).items():
            say(f"ranking {name}" if options.relax == "none" else f"relaxing {name} with CHGNet")
            result[name] = self._rank(name, origins)
        return result

    def _rank(self, formula: str, origins: Sequence[list[Found]]) -> tuple[list[Predicted], str]:
        options, found, handicap = self.options, [one for kind in origins for one in kind], self.finder.handicap
        if options.relax == "chgnet":
            found, handicap = self._relaxed([kind for kind in origins if kind]), 0.0  # by CHGNet's energies
        pairs = refined(found, handicap)
        if options.space_group:
            pairs = list(pairs)
            groups = Counter(one.space_group for _, one in pairs)
            pairs = [pair for pair in pairs if pair[1].space_group == options.space_group]
            if groups and not pairs:
                there = ", ".join(f"{group} ({times})" for group, times in groups.most_common(8))
                return [], f"{formula}: nothing with space group {options.space_group} came out; what did has {there}"
        pairs = distinct(pairs, options.keep)
        if not pairs:
            return [], f"{formula}: no sound structure came out: try another --seed, or other cell sizes (--units)"
        seen = views(self.trained, [found for _, found in pairs])
        rows = enumerate(zip(pairs, seen, strict=True), start=1)
        return [self._predicted(formula, rank, *pair, view) for rank, (pair, view) in rows], ""

    def _relaxed(self, kinds: Sequence[list[Found]]) -> list[Found]:
        """The first of each kind relaxed with CHGNet; of those that have the space group which is asked for, if there are such."""
        ranked: Sequence[Iterable[tuple[Found, Refined]]] = [refined(kind, self.finder.handicap) for kind in kinds]
        if group := self.options.space_group:
            ranked = _of_group([list(pairs) for pairs in ranked], group)
        most = max(1, RELAXED * self.options.keep // max(1, len(ranked)))
        best = [item for pairs in ranked for item, _ in distinct(pairs, most)]
        relaxed = self.chgnet.relax([item.crystal for item in best])
        ends = [Found(r.crystal, r.energy, item.origin, r.ok) for r, item in zip(relaxed, best, strict=True)]
        return [end for end in ends if np.isfinite(end.energy) and not unphysical(end.crystal)]

    def _predicted(self, formula: str, rank: int, item: Found, found: Refined, view: View) -> Predicted:
        spread, order, error = None, ENERGY, None
        if self.options.relax == "chgnet":
            from lcom.prediction.relaxed import LEVEL

            energy_is = f"energy, by {LEVEL}"
            above = self.chgnet.above_hull(found.crystal, item.energy)
            hull_by = "" if above is None else LEVEL
        else:
            energy_is, error = self._meaning(formula), self.trained.energy_error
            if handicap := self.finder.handicap:
                order = f"energy + {handicap:g} ln(1 + free parameters)"
            spread = view.spread if self.trained.energy_model is None else None
            above, hull_by = self._above_labels(found.crystal, view.formation_energy)
        return Predicted(
            formula, rank, found, item.energy, energy_is, item.origin, view, above, hull_by, item.converged, spread, order, error
        )  # fmt: skip

    def _meaning(self, formula: str) -> str:
        """Of the energies without a relaxation; of a composition that the networks know the error on others says nothing."""
        if self.trained.energy_model is None:
            return TARGETS[self.trained.networks.surrogate.settings.target]
        if known := known_crystals(self.trained.train.batch, read_formula(formula)):
            return FORMATION + f", which has learned from crystals of this composition ({known} of them)"
        error = self.trained.energy_error
        return FORMATION + (
            f", which is {error:.2f} off on average where it has not seen the composition, as here" if error else ""
        )

    def _above_labels(self, crystal: Crystal, formation_energy: float | None) -> tuple[float | None, str]:
        """A formation energy by the energy model above the hull of the data set's, of the level that it was trained on; and by what."""
        if formation_energy is None or self.known is None:
            return None, ""
        rows = competing(self.known, crystal.numbers.tolist(), level=self.trained.train.levels[0])
        phases = [self.known.crystal(row).numbers for row in rows]
        hull = hull_energy(crystal.numbers, phases, self.known.formation_energy[rows])
        if hull is None:
            return None, ""
        elements = len(np.unique(crystal.numbers)) > 1 and all(len(np.unique(phase)) == 1 for phase in phases)
        return formation_energy - hull, "the energy model" + (ELEMENTS_ALONE if elements else "")


def _of_group(kinds: list[list[tuple[Found, Refined]]], group: int) -> list[list[tuple[Found, Refined]]]:
    """Of each kind the crystals of that space group, without the kinds that have none; all if no crystal has it."""
    own = ([pair for pair in kind if pair[1].space_group == group] for kind in kinds)
    return [kind for kind in own if kind] or kinds


def plan(options: Options) -> Plan:
    """How long a command looks."""
    return Plan(
        OptimiseSettings(steps=options.steps, stop="last"), DecodeSettings(samples=SAMPLES), options.starts, options.alike,
        options.look_up, options.search, options.decoded, options.space_group, int(options.seed),
    )  # fmt: skip
