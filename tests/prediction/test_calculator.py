"""The energy model as ASE's calculator: gradients against finite differences, and a relaxation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from lcom.prediction.calculator import Calculator
from tests.prediction.tiny_run import write_run

STEP = 1e-3


@pytest.fixture(scope="module")
def calculator(run: Path) -> Calculator:
    return Calculator(run, "cpu")


def rattled() -> Atoms:
    """A crystal without symmetry."""
    atoms = make_supercell(bulk("NaBr", "rocksalt", 5.97), [[1, 0, 0], [0, 1, 0], [0, 1, 2]])
    atoms.set_cell(atoms.cell[:] + 0.1 * np.random.default_rng(1).normal(size=(3, 3)), scale_atoms=True)
    atoms.rattle(0.15, seed=0)
    return atoms


def energy(calculator: Calculator, atoms: Atoms) -> float:
    return calculator.get_potential_energy(atoms)


def test_forces_and_stress_are_gradients(calculator: Calculator) -> None:
    atoms = rattled()
    forces = calculator.get_forces(atoms)
    assert np.abs(forces).max() > 1e-3, "there is something to compare"
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-6)
    found = np.zeros_like(forces)
    for i, k in np.ndindex(found.shape):
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[i, k] += sign * STEP
            found[i, k] -= sign * energy(calculator, moved) / (2 * STEP)
    np.testing.assert_allclose(forces, found, atol=0.01 * np.abs(found).max())

    stress, found = calculator.get_stress(atoms), np.zeros(6)
    for voigt, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * STEP / 2
            strain[j, i] += sign * STEP / 2
            moved = atoms.copy()
            moved.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
            found[voigt] += sign * energy(calculator, moved) / (2 * STEP * atoms.get_volume())
    np.testing.assert_allclose(stress, found, atol=0.01 * np.abs(found).max())


def test_the_energy_is_that_of_all_atoms_and_turns_with_the_crystal(calculator: Calculator) -> None:
    atoms = rattled()
    twice, turned = atoms.repeat((2, 1, 1)), atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    assert energy(calculator, twice) == pytest.approx(2 * energy(calculator, atoms), rel=1e-6)
    assert energy(calculator, turned) == pytest.approx(energy(calculator, atoms), rel=1e-6)
    angle = atoms.copy()
    angle.positions = calculator.get_forces(atoms)
    angle.rotate(37, (1, 2, 3))
    np.testing.assert_allclose(calculator.get_forces(turned), angle.positions, atol=1e-5)


def test_a_relaxation_goes_down(calculator: Calculator) -> None:
    atoms = rattled()
    atoms.calc = calculator
    before = atoms.get_potential_energy()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3, steps=8)
    assert atoms.get_potential_energy() < before - 1e-4


def test_what_it_cannot_take_is_said(calculator: Calculator, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="periodic in all directions"):
        calculator.get_potential_energy(Atoms("NaBr", positions=[[0, 0, 0], [2, 0, 0]], cell=[9, 9, 9]))
    with pytest.raises(ValueError, match="Xe not among the elements"):
        calculator.get_potential_energy(bulk("Xe", "fcc", 6.1))
    with pytest.raises(ValueError, match="has no energy model"):
        Calculator(write_run(tmp_path, energy_model=False))
