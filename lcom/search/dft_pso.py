"""DFT-PSO: the particle swarm over structures with GPAW's energies in place of a network's.

Every energy is a record on disk, so that a search that was killed goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcom.base.files import whole
from lcom.base.resume import Records
from lcom.crystal import Crystal
from lcom.dft import relax as relaxation
from lcom.dft.gpaw import energy
from lcom.dft.settings import DftSettings
from lcom.physical import unphysical
from lcom.search.optimisers import ParticleSwarm
from lcom.search.settings import DftSwarmSettings
from lcom.search.space import SearchSpace

log = logging.getLogger("lcom")

ENERGIES, ASKED = "energies.records", "asked.npy"
EMPTY_ROUNDS = 1000  # rounds without one candidate that passes the filters, before it gives up


@dataclass(frozen=True)
class Lowest:
    """The crystal of the lowest energy (eV/atom), None if there was none, after so many evaluations and seconds of GPAW."""

    crystal: Crystal | None
    energy: float
    evaluations: int
    seconds: float


def dft_pso(
    space: SearchSpace, settings: DftSwarmSettings, dft: DftSettings, state: Path, generator: np.random.Generator
) -> Lowest:
    """Search until GPAW has been asked for as many energies as allowed. state: a folder of this search alone."""
    budget = settings.dft_pso
    swarm = ParticleSwarm(space.dimension, dataclasses.replace(settings.pso, particles=budget.particles), generator)
    records = Records(state / ENERGIES)
    best, done, seconds, empty = Lowest(None, np.inf, 0, 0.0), 0, 0.0, 0
    while done < budget.evaluations and empty < EMPTY_ROUNDS:
        x = swarm.ask()
        built = space.build(x)
        energies = np.full(len(x), np.inf)
        empty += 1
        for i in np.flatnonzero(built.valid):
            crystal = Crystal(space.numbers, built.frac_coords[i], built.lattice[i])
            if done == budget.evaluations or unphysical(crystal):
                continue
            question = np.concatenate([crystal.lattice.ravel(), crystal.frac_coords.ravel()])
            record = records.answer(question)
            if record is None:
                with whole(state / ASKED) as temporary, temporary.open("wb") as file:
                    np.save(file, question)
                record = _evaluate(crystal, dft, budget.relax, state / f"relax-{done}.records")
                records.append(question, record)
                (state / ASKED).unlink()
            energies[i], crystal = record[0], _crystal(space.numbers, record)
            done, seconds, empty = done + 1, seconds + record[1], 0
            log.info("%d of %d: %.4f eV/atom in %.1f s", done, budget.evaluations, record[0], record[1])
            if record[0] < best.energy:
                best = Lowest(crystal, float(record[0]), done, seconds)
        swarm.tell(x, energies)
    if done < budget.evaluations:
        log.warning("only %d of %d: no candidate of %d rounds passed the filters", done, budget.evaluations, empty)
    return dataclasses.replace(best, evaluations=done, seconds=seconds)


def without_energy(state: Path, reason: str) -> None:
    """Record that the candidate of which GPAW died has no energy: the search goes on after it. A ValueError if GPAW was at work on none."""
    if not (state / ASKED).exists():
        raise ValueError(
            f"the search ended while GPAW was not at work ({reason}): run again, all energies so far are kept"
        )
    question = np.load(state / ASKED)
    log.warning("no energy: %s", reason)
    Records(state / ENERGIES).append(question, np.concatenate([[np.inf, 0.0], question]))
    (state / ASKED).unlink()


def _evaluate(crystal: Crystal, dft: DftSettings, relax: bool, steps: Path) -> np.ndarray:
    """[energy in eV/atom (inf if GPAW has none), seconds, lattice, frac_coords] at the k-points of relaxations."""
    begun = time.perf_counter()
    if relax:
        relaxed = relaxation.relax(crystal, dft, Records(steps), symmetric=True)
        crystal, value, reason, spent = relaxed.crystal, relaxed.energy, relaxed.reason, relaxed.seconds
    else:
        result = energy(crystal, dataclasses.replace(dft, kpoint_density=dft.relax.kpoint_density))
        value, reason, spent = result.energy, result.reason, time.perf_counter() - begun
    if reason:
        log.warning("no energy: %s", reason)
        value = np.inf
    return np.concatenate([[value, spent], crystal.lattice.ravel(), crystal.frac_coords.ravel()])


def _crystal(numbers: np.ndarray, record: np.ndarray) -> Crystal:
    return Crystal(numbers, record[11:].reshape(-1, 3), record[2:11].reshape(3, 3))
