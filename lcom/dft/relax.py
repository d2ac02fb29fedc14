"""Relaxation of atoms and cell with GPAW, and how it goes on after a kill.

Every geometry that GPAW has done is a record in a file (lcom.base.resume). A relaxation that starts again runs the same
optimiser from the same start and takes from there what is there: so nothing of the optimiser needs saving, and a record
that a kill has torn costs one step.

Random starts are relaxed in two phases: to a minimum of coarse k-points and few plane waves, which takes four of five steps at a
quarter of the price; then, with all of them and k-points chosen anew for the cell found, to the minimum beside it. What a crystal's energy
lacks for want of plane waves depends on its atoms and on how many waves there are for each, and little on where the atoms are (Francis
and Payne 1990, J. Phys.: Condens. Matter 2, 4395). So the stress that it brings, 14 GPa in MgO at 500 eV, is taken from the first
geometry and added at all others.
"""

from __future__ import annotations

import io
import logging
import time
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.optimize import BFGS

from lcom.base.resume import Records
from lcom.crystal import Crystal
from lcom.dft.gpaw import RELAX_CONVERGENCE, DftFailure, Gpaw, kpoint_grid, point_group_pays
from lcom.dft.settings import DftSettings, least_cutoff
from lcom.physical import reduced_cell, unphysical

log = logging.getLogger("lcom")

COARSE_DENSITY = 1.2  # k-points per Å⁻¹; too few to compare energies (a wrong Si comes out below diamond)
COARSE_CUTOFF = 400.0  # eV; more where N, O or F is
MAX_STEP = 0.15  # Å
# eV/Å², the first guess of all curvatures. Half the steps of ASE's 70 over 20 random starts of ten compounds.
CURVATURE = 15.0


@dataclass(frozen=True)
class Frame:
    """One geometry of a relaxation: cell [3, 3], positions [n, 3] Å; energy eV per cell, forces [n, 3] eV/Å, stress [6] eV/Å³.

    phase, from 0: of a random structure its first geometry with all plane waves (if the coarse phase has fewer), the coarse one, the last.
    """

    phase: int
    cell: np.ndarray
    positions: np.ndarray
    energy: float
    forces: np.ndarray
    stress: np.ndarray
    attempts: int
    seconds: float


class _Recorded(Calculator):
    """ASE's view of GPAW: what the records have, in their order, then GPAW."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, records: Records) -> None:
        super().__init__()
        self.records = records
        self.frames: list[Frame] = []  # so far, of this run and those before
        self.phase = -1
        self.gpaw: Gpaw | None = None
        self.pulay = 0.0  # eV per cell, what the virials of this phase lack

    def start_phase(self, gpaw: Gpaw) -> None:
        self.phase += 1
        self.gpaw = gpaw
        self.pulay = 0.0
        self.reset()

    def take_pulay(self, exact: np.ndarray) -> None:
        """The Pulay stress of this phase from its first geometry, of which `exact` [6] is the stress with all plane waves, eV/Å³."""
        frame = self.frames.pop()
        self.pulay = float((exact - frame.stress)[:3].mean() * abs(np.linalg.det(frame.cell)))
        self._found(frame)

    def _found(self, frame: Frame) -> None:
        stress = frame.stress + self.pulay / abs(np.linalg.det(frame.cell)) * np.array([1, 1, 1, 0, 0, 0])
        self.frames.append(replace(frame, stress=stress))
        self.results = {"energy": frame.energy, "forces": frame.forces, "stress": stress}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        cell, positions = self.atoms.cell.array.copy(), self.atoms.positions.copy()
        question = np.concatenate([[self.phase], cell.ravel(), positions.ravel()])
        record = self.records.answer(question)
        if record is None:
            record = self._evaluate()
            self.records.append(question, record)
        energy, attempts, seconds = record[:3].tolist()
        forces, stress = record[3:-6].reshape(-1, 3), record[-6:]
        self._found(Frame(self.phase, cell, positions, energy, forces, stress, int(attempts), seconds))

    def _evaluate(self) -> np.ndarray:
        """[energy, attempts, seconds, forces, stress]"""
        begun = time.perf_counter()
        if reason := unphysical(Crystal.from_atoms(self.atoms)):
            raise DftFailure(f"in step {len(self.frames)} of the relaxation: {reason}")
        point = self.gpaw(self.atoms)
        seconds = round(time.perf_counter() - begun, 3)
        return np.concatenate([[point.energy, point.attempts, seconds], point.forces.ravel(), point.stress])


@dataclass(frozen=True)
class Relaxation:
    """crystal: the last geometry. energy (eV/atom) is at the relaxation's own settings, None if no step succeeded.

    seconds counts the steps of all runs of a resumed relaxation. reason is not empty if it failed.
    """

    crystal: Crystal
    frames: list[Frame]
    energy: float | None
    converged: bool
    seconds: float
    reason: str = ""

    @property
    def steps(self) -> int:
        return len(self.frames)


def no_relaxation(start: Crystal, reason: str) -> Relaxation:
    return Relaxation(start, [], None, converged=False, seconds=0.0, reason=reason)


def relax(crystal: Crystal, settings: DftSettings, records: Records, *, symmetric: bool) -> Relaxation:
    """Relax atoms and cell to the next local minimum.

    symmetric: the start has symmetry, which the forces keep (a known structure), and goes to the minimum in one phase. Otherwise it
    has none (a random structure): no symmetry is used or imposed, and a coarse phase comes first. A crystal that comes near a symmetric
    one may be on its way past a saddle point, as a CdS with the layers of boron nitride was: put into that symmetry it would stay there.
    """
    limits = settings.relax
    phases = [(limits.kpoint_density, settings.cutoff)]
    if not symmetric:
        cutoff = min(settings.cutoff, max(COARSE_CUTOFF, least_cutoff(crystal.numbers)))
        phases.insert(0, (min(COARSE_DENSITY, limits.kpoint_density), cutoff))
    calculator = _Recorded(records)
    hessian = None
    converged, reason, steps_left = False, "", limits.max_steps
    try:
        for phase, (density, cutoff) in enumerate(phases):
            crystal = reduced_cell(crystal)
            atoms = crystal.to_atoms()
            grid = kpoint_grid(crystal.lattice, density)
            log.info("phase %d of %d: %g eV, %d x %d x %d k-points", phase + 1, len(phases), cutoff, *grid)
            point_group = symmetric and point_group_pays(crystal)
            atoms.calc = calculator
            calculator.start_phase(Gpaw(settings, grid, RELAX_CONVERGENCE, point_group))
            if cutoff < settings.cutoff:
                exact = atoms.get_stress()
                calculator.start_phase(Gpaw(replace(settings, cutoff=cutoff), grid, RELAX_CONVERGENCE, point_group))
                atoms.get_stress()
                calculator.take_pulay(exact)
            with BFGS(FrechetCellFilter(atoms), logfile="-", maxstep=MAX_STEP, alpha=CURVATURE) as optimiser:
                if hessian is not None:
                    optimiser.H0 = hessian
                share = 1 if phase + 1 == len(phases) else 2 / 3
                converged = bool(optimiser.run(fmax=limits.fmax, steps=int(share * steps_left)))
                steps_left -= optimiser.nsteps
                hessian = None if optimiser.state is None else optimiser.H.copy()
            crystal = Crystal.from_atoms(atoms)
    except DftFailure as failure:
        reason = str(failure)
        log.warning("the relaxation failed: %s", reason)
    frames = calculator.frames
    if frames:
        crystal = Crystal(crystal.numbers, frames[-1].positions @ np.linalg.inv(frames[-1].cell), frames[-1].cell)
    return Relaxation(
        crystal,
        frames,
        frames[-1].energy / len(crystal) if frames else None,
        converged and not reason,
        sum(frame.seconds for frame in frames),
        reason,
    )


def trajectory(relaxed: Relaxation, labels: dict[str, str | int]) -> str:
    """Extxyz of every step with its energy, forces and stress; the last has the labels and says how it went."""
    frames = []
    for frame in relaxed.frames:
        atoms = Atoms(relaxed.crystal.numbers, frame.positions, cell=frame.cell, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces, stress=frame.stress)
        frames.append(atoms)
    last = frames[-1] if frames else relaxed.crystal.to_atoms()
    last.info |= labels | {
        "status": "failed" if relaxed.reason else "ok",
        "seconds": round(relaxed.seconds, 2),
        "converged": relaxed.converged,
        "steps": relaxed.steps,
    }
    if relaxed.reason:  # ASE cannot read an empty string back
        last.info["reason"] = relaxed.reason
    if relaxed.energy is not None:
        last.info["energy_per_atom"] = relaxed.energy
    text = io.StringIO()
    write(text, frames or [last], format="extxyz")
    return text.getvalue()
