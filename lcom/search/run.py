"""The prior methods over structures: random search (RAS), particle swarm (PSO) and Bayesian optimisation (BO).

Cheng et al. 2022 (Nature Communications 13, 1492) search space group, Wyckoff positions, cell and coordinates
(lcom.search.space) for the lowest energy of a graph network (lcom.search.energy_model). Here all compounds and seeds go side by
side: each has an optimiser of its own, and every round all their candidates are scored together.

Every round's energies are a record on disk. A search that starts again proposes the same candidates and takes from the
records what is there for them: so nothing of an optimiser needs saving.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from lcom.base.resume import Records, fingerprint
from lcom.crystal import Crystal
from lcom.search.optimisers import (
    Optimiser,
    ParticleSwarm,
    ParzenEstimator,
    RandomSearch,
)
from lcom.search.settings import SearchSettings
from lcom.search.space import Candidates, SearchSpace, reduced_cells

SEARCHES = ("ras", "pso", "bo")
RANDOM_BATCH = 200
# numbers [m, n], frac_coords [m, n, 3], lattice [m, 3, 3] Å -> energies [m] eV/atom
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def make_optimiser(
    method: str, settings: SearchSettings, space: SearchSpace, generator: np.random.Generator
) -> Optimiser:
    if method == "ras":
        return RandomSearch(space.dimension, RANDOM_BATCH, generator)
    if method == "pso":
        return ParticleSwarm(space.dimension, settings.pso, generator)
    return ParzenEstimator(space.dimension, settings.bo, space.kind, space.kinds, generator)


@dataclass
class Problem:
    """A compound and seed: the search for a cell with the atoms ``numbers`` [n], and all its candidates so far.

    x [N, dimension] · energy [N] eV/atom, NaN for one that a filter rejected · space_group [N]; in parts, one a round
    """

    numbers: np.ndarray
    space: SearchSpace
    optimiser: Optimiser
    x: list[np.ndarray] = field(default_factory=list)
    energy: list[np.ndarray] = field(default_factory=list)
    space_group: list[np.ndarray] = field(default_factory=list)

    def tell(self, x: np.ndarray, candidates: Candidates, energy: np.ndarray, more: bool) -> None:
        """more: the search goes on; the last round, which may be cut short, teaches the optimiser nothing."""
        if more:
            self.optimiser.tell(x, np.where(np.isnan(energy), np.inf, energy))
        self.x.append(x)
        self.energy.append(energy)
        self.space_group.append(candidates.space_group)

    def lowest(self, count: int, least: float) -> list[Crystal]:
        """The crystals of the `count` lowest energies that are above `least`, eV/atom."""
        energy = np.concatenate(self.energy)
        rows = np.argsort(energy, kind="stable")  # NaN last
        rows = rows[energy[rows] > least][:count]
        built = self.space.build(np.concatenate(self.x)[rows])
        return [Crystal(self.numbers, f, l) for f, l in zip(built.frac_coords, built.lattice, strict=True)]

    def best(self) -> tuple[Crystal, float, int] | None:
        """The crystal of the lowest energy, that energy and its space group; None if all candidates were rejected."""
        energy = np.concatenate(self.energy)
        if np.isnan(energy).all():
            return None
        i = int(np.nanargmin(energy))
        built = self.space.build(np.concatenate(self.x)[i : i + 1])
        return (
            Crystal(self.numbers, built.frac_coords[0], built.lattice[0]),
            float(energy[i]),
            int(built.space_group[0]),
        )


@dataclass
class Seconds:
    """Wall time: proposing, with building and filtering, and the energy model."""

    propose: float = 0.0
    model: float = 0.0


def search(problems: Sequence[Problem], score: Score, evaluations: int, records: Records | None = None) -> Seconds:
    """Run every problem until it has proposed ``evaluations`` candidates. All optimisers must propose as many a round.

    records: of a search of minutes, which shows its progress, too; None: of one of seconds.
    """
    seconds, done = Seconds(), 0
    with tqdm(total=evaluations, unit="candidates", mininterval=5, disable=records is None) as bar:
        while problems and done < evaluations:
            begun = time.perf_counter()
            asked = [problem.optimiser.ask()[: evaluations - done] for problem in problems]
            built = [problem.space.build(x) for problem, x in zip(problems, asked, strict=True)]
            proposed = time.perf_counter()
            asked_for = [x.ravel() for c in built for x in (c.valid, c.frac_coords, c.lattice)]
            question = fingerprint(np.concatenate(asked_for))
            record = None if records is None else records.answer(question)
            energies = _score(problems, built, score) if record is None else np.array_split(record[2:], len(problems))
            scored = time.perf_counter()
            for problem, x, candidates, energy in zip(problems, asked, built, energies, strict=True):
                problem.tell(x, candidates, energy, more=done + len(x) < evaluations)
            if record is None:
                told = time.perf_counter()
                record = np.concatenate([[proposed - begun + told - scored, scored - proposed], *energies])
                if records is not None:
                    records.append(question, record)
            seconds.propose += float(record[0])
            seconds.model += float(record[1])
            done += len(asked[0])
            bar.update(len(asked[0]))
    return seconds


def _score(problems: Sequence[Problem], built: Sequence[Candidates], score: Score) -> list[np.ndarray]:
    """Energies of the valid candidates of all problems, those with as many atoms together; NaN for the others."""
    energies = [np.full(len(candidates.valid), np.nan) for candidates in built]
    for size in sorted({len(problem.numbers) for problem in problems}):
        members = [i for i, problem in enumerate(problems) if len(problem.numbers) == size]
        valid = [np.flatnonzero(built[i].valid) for i in members]
        numbers = np.concatenate(
            [np.tile(problems[i].numbers, (len(v), 1)) for i, v in zip(members, valid, strict=True)]
        )
        frac_coords = np.concatenate([built[i].frac_coords[v] for i, v in zip(members, valid, strict=True)])
        lattice = np.concatenate([built[i].lattice[v] for i, v in zip(members, valid, strict=True)])
        values = score(numbers, *reduced_cells(frac_coords, lattice))
        for i, v, part in zip(members, valid, np.split(values, np.cumsum([len(v) for v in valid])[:-1]), strict=True):
            energies[i][v] = part
    return energies
