"""Crystals that a particle swarm finds with the energy model, in small cells: what neither descents nor known crystals come near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lcom.base.seeding import generator
from lcom.crystal import Crystal
from lcom.physical import ENERGIES
from lcom.search.energy_model import EnergyModel
from lcom.search.run import Problem, make_optimiser, search
from lcom.search.settings import SearchSettings
from lcom.search.space import SearchSpace

METHOD = "pso"  # of those that the workflow compares: BO ends lower, and takes two and a half times as long (docs/results.md)
MOST_ATOMS = 8  # in a cell: larger ones take tens of seconds
KEPT = 16  # of each cell, the lowest


def searched(
    model: EnergyModel, asked: Mapping[str, Sequence[np.ndarray]], evaluations: int, seed: int = 0
) -> dict[str, list[Crystal]]:
    """Of each formula the KEPT lowest of `evaluations` candidates in each of its cells, atomic numbers [n], that have up to MOST_ATOMS.

    The name of a formula decides with the seed what is proposed. Energies that no crystal has are holes of the model, left out.
    """
    settings = SearchSettings(evaluations=evaluations)
    problems: list[tuple[str, Problem]] = []
    for name, cells in asked.items():
        for numbers in cells:
            if len(numbers) <= MOST_ATOMS:
                space = SearchSpace(numbers, settings.space)
                optimiser = make_optimiser(METHOD, settings, space, generator("searched", name, len(numbers), seed))
                problems.append((name, Problem(numbers, space, optimiser)))
    search([problem for _, problem in problems], model.score, evaluations)
    found: dict[str, list[Crystal]] = {name: [] for name in asked}
    for name, problem in problems:
        found[name] += problem.lowest(KEPT, ENERGIES[0])
    return found
