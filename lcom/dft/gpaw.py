"""GPAW: energy, forces and stress of a crystal, with plane waves at one setting for everything that is compared.

All crystals are taken as non-magnetic. Energies are relative to isolated, spherical, non-spin-polarised atoms (the zero
of GPAW's setups). GPAW writes its own text to standard output, which is the log of the rule.

A calculation that goes wrong for a physical or numerical reason is a `DftFailure`, which the stages record; a wrong
setting or a missing program is another error and stops the run.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lcom.crystal import Crystal
from lcom.dft.settings import DftSettings
from lcom.physical import reduced_cell, unphysical

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("lcom")

# In GPAW's units: energy eV/electron, density electrons/electron, eigenstates eV²/electron.
ENERGY_CONVERGENCE = {"energy": 5e-4, "density": 3e-4, "eigenstates": 1e-6}  # to 0.1 meV/atom
RELAX_CONVERGENCE = {"energy": 1e-3, "density": 1e-3, "eigenstates": 1e-6}  # forces to 0.005 eV/Å
# An iteration of eight less than by GPAW's own, without its metric against charge that sloshes: none did in cells of up to 8 atoms.
MIXER = {"name": "pulay", "beta": 0.5, "nmaxold": 5, "weight": 1.0}
MAX_GRID_GROWTH = 3.0  # of FFT points by the point group: at 2.2 it still saved 13 % of the time, at 12 it took over seven times as long
SOFT_MIXER = {"beta": 0.05, "nmaxold": 5, "weight": 50.0}  # for a second attempt, with twice the iterations


class DftFailure(RuntimeError):
    """A structure whose energy cannot be had; the message is the reason to record."""


def check_gpaw(symbols: Sequence[str], xc: str = "PBE") -> None:
    """A RuntimeError that says what to install if GPAW, or its setup of an element, is missing. Takes 0.1 s."""
    if importlib.util.find_spec("gpaw") is None or importlib.util.find_spec("_gpaw") is None:
        raise RuntimeError(
            "GPAW is not installed in this environment: run `make setup` again, or use conda (`snakemake --use-conda`, "
            "or `conda install -c conda-forge gpaw gpaw-data`)"
        )
    from gpaw import setup_paths

    if not setup_paths:
        raise RuntimeError("GPAW has no PAW setups: `pip install gpaw-data`, or `gpaw install-data FOLDER`")
    known = {file.name.split(".gz")[0] for path in setup_paths for file in Path(path).glob(f"*.{xc}*")}
    if missing := [symbol for symbol in symbols if f"{symbol}.{xc}" not in known]:
        raise RuntimeError(
            f"GPAW has no {xc} PAW setup for {', '.join(missing)} in {', '.join(map(str, setup_paths))}: install a "
            "newer gpaw-data, name a folder that has them in GPAW_SETUP_PATH, or leave the compound out (config: only)"
        )


def load_gpaw() -> None:
    """Import GPAW, which takes a second, before this process is copied for each calculation."""
    if importlib.util.find_spec("_gpaw") is not None:
        from gpaw import calculator  # noqa: F401
        from gpaw.new import ase_interface  # noqa: F401
        from gpaw.new.pw import builder  # noqa: F401


def kpoint_grid(lattice: np.ndarray, density: float) -> tuple[int, int, int]:
    """The smallest grid with `density` points per Å⁻¹ along each reciprocal vector (2π included)."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(lattice), axis=0)
    n1, n2, n3 = (max(1, int(np.ceil(density * length - 1e-6))) for length in lengths)
    return n1, n2, n3


def point_group_pays(crystal: Crystal) -> bool:
    """Whether GPAW's use of the point group saves more k-points than it costs points of the FFT grid.

    Axes that a symmetry operation mixes get as many points each as the longest of them. In a primitive rhombohedral cell of 3.4,
    3.4 and 11.7 Å that makes 70 x 70 x 70 of 20 x 20 x 70.
    """
    import spglib

    dataset = spglib.get_symmetry_dataset((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=1e-5)
    if dataset is None:
        return True
    mixed = np.eye(3, dtype=bool) | (dataset.rotations != 0).any(0)
    mixed |= mixed.T
    mixed = mixed @ mixed  # through the third axis, too
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    longest = np.where(mixed, lengths, 0.0).max(1)
    return bool(np.prod(longest / lengths) <= MAX_GRID_GROWTH)


@dataclass(frozen=True)
class Point:
    """What GPAW says of a geometry: energy eV per cell, forces [n, 3] eV/Å, stress [6] eV/Å³ (xx yy zz yz xz xy).

    attempts is 2 if the first self-consistent field did not converge.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    attempts: int


class Gpaw:
    """One GPAW calculation that goes on from geometry to geometry and reuses its wave functions.

    grid is kept for all geometries. symmetry: use the point group of the crystal. Without it only time reversal is
    used, so that wave functions survive a change of the point group.
    """

    def __init__(self, settings: DftSettings, grid: tuple[int, int, int], convergence: dict, symmetry: bool) -> None:
        self._parameters: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": settings.cutoff},
            "xc": settings.xc,
            "kpts": {"size": grid, "gamma": True},
            "occupations": {"name": "fermi-dirac", "width": settings.smearing},
            "convergence": convergence,
            "symmetry": {"point_group": symmetry},
            "spinpol": False,
            "txt": "-",
        }
        self._iterations = settings.max_iterations
        self._soft = False  # a crystal that once needed the softer mixer keeps it
        self._calculator = None

    def __call__(self, atoms: Atoms) -> Point:
        """A DftFailure if neither attempt converges."""
        while True:
            try:
                return self._point(atoms)
            except DftFailure as failure:
                self._calculator = None
                if self._soft:
                    raise
                log.warning("%s: again with a softer mixer", failure)
                self._soft = True

    def _point(self, atoms: Atoms) -> Point:
        from gpaw import GPAW, KohnShamConvergenceError, PoissonConvergenceError
        from gpaw.fftw import ESTIMATE, FFTWPlans

        # FFTW's default, to time some plans and to keep the fastest, would give other last digits in each process
        FFTWPlans._overwrite_flags = ESTIMATE
        if self._calculator is None:
            iterations = self._iterations * (2 if self._soft else 1)
            mixer: Any = SOFT_MIXER if self._soft else MIXER
            bands = _bands(atoms, self._parameters["xc"])
            self._calculator = GPAW(**self._parameters, mixer=mixer, nbands=bands, maxiter=iterations)
        try:
            energy = self._calculator.get_potential_energy(atoms)
            forces = self._calculator.get_forces(atoms)
            stress = self._calculator.get_stress(atoms)
        except KohnShamConvergenceError:
            iterations = self._iterations * (2 if self._soft else 1)
            raise DftFailure(f"the self-consistent field did not converge in {iterations} iterations") from None
        except PoissonConvergenceError as error:
            raise DftFailure(f"GPAW's Poisson equation did not converge ({error})") from error
        except np.linalg.LinAlgError as error:
            raise DftFailure(f"GPAW's linear algebra failed ({error})") from error
        except ValueError as error:
            if "NaN" in str(error) or type(error).__name__ == "AtomsTooClose":
                raise DftFailure(f"GPAW: {error}") from error
            raise
        if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
            raise DftFailure("GPAW's energy, forces or stress are not finite")
        return Point(float(energy), np.array(forces), np.array(stress), 2 if self._soft else 1)


def _bands(atoms: Atoms, xc: str) -> int:
    """How many bands to find: more than the atoms have orbitals, and than their electrons fill.

    Bands begin as sums of orbitals, those beyond at random. A state that no such sum is like, for its symmetry, comes from a random one
    alone: with as many bands as GPAW takes, a CaS and a MgS converged without one of theirs, 44 and 36 meV/atom too high.
    """
    orbitals, electrons = np.sum([_valence(symbol, xc) for symbol in atoms.symbols], axis=0)
    return int(max(orbitals + 2, electrons // 2 + 4))


@cache
def _valence(symbol: str, xc: str) -> tuple[int, int]:
    """The valence orbitals and electrons of an atom in GPAW's setup."""
    from gpaw.setup_data import SetupData

    setup: Any = SetupData(symbol, xc)
    return sum(2 * l + 1 for n, l in zip(setup.n_j, setup.l_j, strict=True) if n > 0), round(setup.Nv)


@dataclass(frozen=True)
class Energy:
    """The energy of a crystal, or why there is none. eV/atom, eV/Å, eV/Å³."""

    crystal: Crystal
    energy: float | None
    max_force: float | None
    max_stress: float | None
    attempts: int
    seconds: float
    reason: str = ""

    def record(self, settings: DftSettings, **labels: str | int) -> dict:
        """What a line of energies holds; labels are compound, seed, method, start and whatever else is known."""
        said = {"status": "failed" if self.reason else "ok", "settings": settings.of_energies()}
        return labels | said | self.values() | {"structure": self.crystal.content()}

    def values(self) -> dict:
        """All but the crystal."""
        return {
            "reason": self.reason,
            "energy": self.energy,
            "max_force": self.max_force,
            "max_stress": self.max_stress,
            "attempts": self.attempts,
            "seconds": round(self.seconds, 2),
        }


def no_energy(crystal: Crystal, reason: str, attempts: int = 0, seconds: float = 0.0) -> Energy:
    return Energy(crystal, None, None, None, attempts, seconds, reason)


def energy(crystal: Crystal, settings: DftSettings) -> Energy:
    """The energy of a crystal as it is (only its cell is reduced) at the settings that all reported energies share."""
    begun = time.perf_counter()
    if reason := unphysical(crystal):
        return no_energy(crystal, reason)
    crystal = reduced_cell(crystal)
    grid = kpoint_grid(crystal.lattice, settings.kpoint_density)
    symmetry = point_group_pays(crystal)
    try:
        point = Gpaw(settings, grid, ENERGY_CONVERGENCE, symmetry)(crystal.to_atoms())
    except DftFailure as failure:
        return no_energy(crystal, str(failure), attempts=2, seconds=time.perf_counter() - begun)
    return Energy(
        crystal,
        energy=point.energy / len(crystal),
        max_force=float(np.linalg.norm(point.forces, axis=1).max()),
        max_stress=float(np.abs(point.stress).max()),
        attempts=point.attempts,
        seconds=time.perf_counter() - begun,
    )
