"""Averages over the operations of a crystal: exactly symmetric, and against ASE's FixSymmetry."""

from __future__ import annotations

import numpy as np
import pytest
from ase.constraints import FixSymmetry

from lcom.symmetry import operations
from tests.crystals import KNOWN, random_crystals
from tests.dft.test_symmetric import operations as count
from tests.dft.test_symmetric import rattled


@pytest.mark.parametrize("name", ["ZnO", "NaCl", "C", "CdS"])
def test_forces_and_virial_keep_what_has_the_symmetry(name: str) -> None:
    """As ASE's constraint projects them, and once is as good as twice."""
    crystal = KNOWN[name]
    found = operations(crystal, 1e-3)
    assert found is not None
    crystal = found.averaged(crystal)[0]
    rng = np.random.default_rng(0)
    forces, virial = rng.normal(size=(len(crystal), 3)), rng.normal(size=(3, 3))
    virial += virial.T
    atoms = crystal.to_atoms()
    constraint = FixSymmetry(atoms, symprec=1e-3, adjust_cell=True)
    expected, stress = forces.copy(), virial.ravel()[[0, 4, 8, 5, 2, 1]].copy()
    constraint.adjust_forces(atoms, expected)
    constraint.adjust_stress(atoms, stress)
    pushed, pulled = found.project(crystal.lattice, forces, virial)
    np.testing.assert_allclose(pushed, expected, atol=1e-6)
    np.testing.assert_allclose(pulled.ravel()[[0, 4, 8, 5, 2, 1]], stress, atol=1e-6)
    again = found.project(crystal.lattice, pushed, pulled)
    np.testing.assert_allclose(again[0], pushed, atol=1e-9)
    np.testing.assert_allclose(again[1], pulled, atol=1e-9)


def test_an_average_says_how_far_it_moved() -> None:
    noisy = rattled(KNOWN["ZnO"], 0.02, 1)
    found = operations(noisy, 0.1)
    assert found is not None
    symmetric, moved, strain = found.averaged(noisy)
    assert count(symmetric, 1e-6) == count(KNOWN["ZnO"], 1e-3)
    np.testing.assert_allclose(symmetric.lattice, noisy.lattice @ (np.eye(3) + strain), atol=1e-9)
    apart = symmetric.frac_coords - noisy.frac_coords
    apart = (apart - np.rint(apart)) @ symmetric.lattice
    np.testing.assert_allclose(apart - apart.mean(0), moved, atol=1e-9)
    assert 1e-3 < np.abs(moved).max() < 0.1


def test_a_crystal_without_symmetry_has_no_operations() -> None:
    assert all(operations(crystal, 1e-3) is None for crystal in random_crystals(4, 5))
