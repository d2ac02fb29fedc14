"""Crystals put into the symmetry that they nearly have: exactly symmetric after, hardly moved, and only where it costs no energy."""

from __future__ import annotations

import numpy as np
import pytest
import spglib

from lcom.crystal import Crystal
from lcom.dft.same import same_crystal
from lcom.dft.symmetric import symmetrised
from lcom.physical import reduced_cell
from tests.crystals import KNOWN, random_crystals, rotation, supercell


def operations(crystal: Crystal, tolerance: float) -> int:
    cell = (crystal.lattice, crystal.frac_coords, crystal.numbers)
    return len(spglib.get_symmetry_dataset(cell, symprec=tolerance).rotations)


def rattled(crystal: Crystal, far: float, seed: int = 0) -> Crystal:
    """Atoms and the ends of the cell's edges moved by `far` Å on average, in any direction."""
    rng = np.random.default_rng(seed)
    places = crystal.positions + far / np.sqrt(3) * rng.normal(size=(len(crystal), 3))
    lattice = crystal.lattice + far / np.sqrt(3) * rng.normal(size=(3, 3))
    return Crystal(crystal.numbers, places @ np.linalg.inv(crystal.lattice), lattice @ rotation(seed).T)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_little_noise_is_averaged_out(name: str) -> None:
    known = KNOWN[name]
    for seed in range(3):
        noisy = rattled(known, 2e-3, seed)
        found = symmetrised(noisy)
        assert operations(noisy, 1e-7) < operations(known, 1e-4) == operations(found, 1e-7)
        assert abs(found.volume / noisy.volume - 1) < 1e-4, "what keeps the symmetry stays"
        assert same_crystal(reduced_cell(found), reduced_cell(noisy), 0.02)


def test_a_symmetric_crystal_stays_as_it_is() -> None:
    for crystal in KNOWN.values():
        found = symmetrised(crystal)
        np.testing.assert_allclose(found.lattice, crystal.lattice, atol=1e-6)
        apart = found.frac_coords - crystal.frac_coords
        apart -= apart[0]
        np.testing.assert_allclose((apart - np.rint(apart)) @ crystal.lattice, 0, atol=1e-5)


@pytest.mark.parametrize("name, about", [("NaCl", 48), ("ZnS", 24), ("ZnO", 6), ("Si", 24), ("CsCl", 48)])
def test_the_origin_is_where_gpaw_looks_for_operations(name: str, about: int) -> None:
    noisy = rattled(KNOWN[name], 1e-3)
    noisy = Crystal(noisy.numbers, noisy.frac_coords + [0.31, 0.12, 0.77], noisy.lattice)
    found = symmetrised(noisy)
    cell = (found.lattice, found.frac_coords, found.numbers)
    steps = spglib.get_symmetry_dataset(cell, symprec=1e-7).translations
    assert (np.abs(steps - np.rint(steps)) < 1e-7).all(1).sum() == about


def test_a_real_distortion_is_kept() -> None:
    """Far atoms would cost energy: such a crystal keeps the symmetry that it has, or has nearly."""
    for seed in range(3):
        noisy = rattled(KNOWN["NaCl"], 0.1, seed)
        found = symmetrised(noisy)
        assert operations(found, 1e-5) < operations(KNOWN["NaCl"], 1e-4)
        moved = (found.frac_coords - noisy.frac_coords + 0.5) % 1 - 0.5
        assert np.linalg.norm((moved - moved.mean(0)) @ noisy.lattice, axis=1).max() < 0.02
    for crystal in random_crystals(4, 5):
        assert symmetrised(crystal) is crystal


def test_a_repeated_cell_is_made_primitive() -> None:
    noisy = rattled(supercell(KNOWN["NaCl"], np.diag([2, 1, 1])), 2e-3)
    found = symmetrised(noisy)
    assert len(found) == 2 and operations(found, 1e-7) == 48
    assert found.volume == pytest.approx(noisy.volume / 2, rel=1e-4)
