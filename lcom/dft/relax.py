"""Relaxation of atoms and cell with GPAW, and how it goes on after a kill.

Every geometry that GPAW has done is a line of a file, the tape. A relaxation that starts again runs the same optimiser
from the same start and takes from the tape what is on it: so nothing of the optimiser needs saving, and a line that a
kill has torn costs one step.

Random starts are relaxed in two phases: a coarse k-point grid to get near a minimum, then the wanted one, chosen anew
for the cell found, to get there. The coarse phase takes two thirds of the steps at a third of the price.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.optimize import BFGS

from lcom.crystal import Crystal
from lcom.dft.gpaw import RELAX_CONVERGENCE, DftFailure, Gpaw, kpoint_grid, point_group_pays
from lcom.dft.settings import DftSettings
from lcom.physical import reduced_cell, unphysical

log = logging.getLogger("lcom")

COARSE_DENSITY = 1.2  # k-points per Å⁻¹; too few to compare energies (a wrong Si comes out below diamond)
COARSE_FMAX = 0.1  # eV/Å
MAX_STEP = 0.15  # Å
# eV/Å², the first guess of all curvatures. Half the steps of ASE's 70 over 20 random starts of ten compounds.
CURVATURE = 15.0


@dataclass(frozen=True)
class Frame:
    """One geometry on the tape: cell [3, 3], positions [n, 3] Å; energy eV per cell, forces eV/Å, stress eV/Å³."""

    phase: int
    cell: np.ndarray
    positions: np.ndarray
    energy: float
    forces: np.ndarray
    stress: np.ndarray
    attempts: int
    seconds: float

    def is_at(self, phase: int, atoms: Atoms) -> bool:
        same_size = self.positions.shape == atoms.positions.shape and self.cell.shape == (3, 3)
        close = same_size and np.allclose(self.positions, atoms.positions, rtol=0, atol=1e-7)
        return bool(phase == self.phase and close and np.allclose(self.cell, atoms.cell.array, rtol=0, atol=1e-7))


class Tape:
    """The frames of one relaxation, in memory and on disk: a JSON line each, behind its checksum."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[Frame] = []
        if not path.exists():
            return
        good = b""
        content = path.read_bytes()
        for line in content.splitlines(keepends=True):
            try:
                checksum, text = line.rstrip(b"\n").split(b" ", 1)
                if int(checksum, 16) != zlib.crc32(text) or not line.endswith(b"\n"):
                    raise ValueError("wrong checksum")
                values = json.loads(text)
                self.frames.append(Frame(**{k: np.array(v) if isinstance(v, list) else v for k, v in values.items()}))
            except (ValueError, TypeError):
                log.warning("%s is damaged after %d steps: those after them are done again", path, len(self.frames))
                break
            good += line
        if good != content:
            self._rewrite(good)

    def append(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(_line(frame))
            file.flush()
            os.fsync(file.fileno())

    def cut(self, length: int) -> None:
        """Forget the frames from `length` on."""
        del self.frames[length:]
        self._rewrite(b"".join(map(_line, self.frames)))

    def _rewrite(self, content: bytes) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_bytes(content)
        os.replace(temporary, self.path)


def _line(frame: Frame) -> bytes:
    values = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in dataclasses.asdict(frame).items()}
    text = json.dumps(values).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def tape_file(folder: Path, name: str, crystal: Crystal, settings: DftSettings) -> Path:
    """The tape of one relaxation. Its name tells the start and the settings: an edited config finds no old tape."""
    values = [crystal.numbers.tolist(), crystal.frac_coords.tolist(), crystal.lattice.tolist()]
    text = json.dumps([values, dataclasses.asdict(settings)], sort_keys=True)
    return folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.tape"


def remove_tapes(folder: Path, name: str) -> None:
    """Remove the tapes of a relaxation whose result is in place, also of earlier configs, and the folder if empty."""
    for path in folder.glob(f"{name}-*"):
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


class _Taped(Calculator):
    """ASE's view of GPAW: geometries on the tape first, in their order, then GPAW."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.done = 0  # frames used so far
        self.phase = -1
        self.gpaw: Gpaw | None = None

    def start_phase(self, gpaw: Gpaw) -> None:
        self.phase += 1
        self.gpaw = gpaw
        self.reset()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        tape = self.tape
        if self.done < len(tape.frames) and not tape.frames[self.done].is_at(self.phase, self.atoms):
            log.warning("%s holds another geometry at step %d: going on from there", tape.path, self.done)
            tape.cut(self.done)
        if self.done == len(tape.frames):
            tape.append(self._evaluate())
        frame = tape.frames[self.done]
        self.done += 1
        self.results = {"energy": frame.energy, "forces": frame.forces, "stress": frame.stress}

    def _evaluate(self) -> Frame:
        begun = time.perf_counter()
        if reason := unphysical(Crystal.from_atoms(self.atoms)):
            raise DftFailure(f"in step {self.done} of the relaxation: {reason}")
        point = self.gpaw(self.atoms)
        return Frame(
            self.phase,
            self.atoms.cell.array.copy(),
            self.atoms.positions.copy(),
            point.energy,
            point.forces,
            point.stress,
            point.attempts,
            round(time.perf_counter() - begun, 3),
        )


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


def relax(crystal: Crystal, settings: DftSettings, tape: Tape, *, symmetric: bool) -> Relaxation:
    """Relax atoms and cell to the next local minimum.

    symmetric: the start has symmetry, which the forces keep (a known structure), and goes to the minimum in one phase. Otherwise it
    has none (a random structure): no symmetry is used or imposed, and a coarse phase comes first.
    """
    limits = settings.relax
    phases = [(limits.kpoint_density, limits.fmax)]
    if not symmetric:
        phases.insert(0, (min(COARSE_DENSITY, limits.kpoint_density), max(COARSE_FMAX, limits.fmax)))
    if tape.frames:
        log.info("resuming after %d steps kept in %s", len(tape.frames), tape.path)
    calculator = _Taped(tape)
    hessian = None
    converged, reason, steps_left = False, "", limits.max_steps
    try:
        for number, (density, fmax) in enumerate(phases, start=1):
            crystal = reduced_cell(crystal)
            atoms = crystal.to_atoms()
            grid = kpoint_grid(crystal.lattice, density)
            log.info("phase %d of %d: %d x %d x %d k-points to %g eV/Å", number, len(phases), *grid, fmax)
            point_group = symmetric and point_group_pays(crystal)
            calculator.start_phase(Gpaw(settings, grid, RELAX_CONVERGENCE, point_group))
            atoms.calc = calculator
            with BFGS(FrechetCellFilter(atoms), logfile="-", maxstep=MAX_STEP, alpha=CURVATURE) as optimiser:
                if hessian is not None:
                    optimiser.H0 = hessian
                share = 1 if number == len(phases) else 2 / 3
                converged = bool(optimiser.run(fmax=fmax, steps=int(share * steps_left)))
                steps_left -= optimiser.nsteps
                hessian = None if optimiser.state is None else optimiser.H.copy()
            crystal = Crystal.from_atoms(atoms)
    except DftFailure as failure:
        reason = str(failure)
        log.warning("the relaxation failed: %s", reason)
    frames = tape.frames
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
