"""Averages over the operations of a crystal: exactly symmetric, and against ASE's FixSymmetry."""

from __future__ import annotations

import numpy as np
import pytest
from ase.constraints import FixSymmetry

from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.prediction.rank import refine
from lcom.symmetry import operations
from tests.crystals import KNOWN, random_crystals, rotation, supercell
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


def test_free_parameters_are_those_that_a_handbook_lists() -> None:
    """Of the cell, and of the Wyckoff positions."""
    listed = {"NaCl": 1, "C": 2, "ZnO": 3, "SnO2": 3, "BaSnO3": 1, "CaCO3": 3, "LiTaO3": 6, "CaTiO3": 10}
    known = KNOWN | {compound.formula: compound.crystal() for compound in load_compounds("data/validation.csv")}
    for name, free in listed.items():
        crystal = known[name]
        assert refine(crystal).free == free, name
        turned = Crystal(crystal.numbers, crystal.frac_coords + 0.3, crystal.lattice @ rotation(1))
        assert refine(supercell(turned, np.array([[1, 1, 0], [0, 1, 0], [0, 0, 2]]))).free == free, name
    for crystal in random_crystals(4, 5):
        assert refine(crystal).free == 3 * len(crystal) + 3
