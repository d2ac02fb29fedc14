"""Crystals, their conversions and their canonical cells."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from lcom.crystal import Crystal, lattice_from_parameters, lattice_parameters, reduced_counts
from tests.crystals import KNOWN, random_crystals, rotation, supercell


@pytest.mark.parametrize("formula", sorted(KNOWN))
def test_conversions_are_lossless(formula: str) -> None:
    crystal = KNOWN[formula]
    assert crystal.formula == formula
    others = {
        "ase": Crystal.from_atoms(crystal.to_atoms()),
        "pymatgen": Crystal.from_structure(crystal.to_structure()),
        "cif": Crystal.from_cif(crystal.to_cif()),
    }
    for name, other in others.items():
        atol = 1e-5 if name == "cif" else 1e-10
        assert (other.numbers == crystal.numbers).all(), name
        np.testing.assert_allclose(other.parameters(), crystal.parameters(), atol=10 * atol)
        difference = other.frac_coords - crystal.frac_coords
        np.testing.assert_allclose(difference - np.round(difference), 0, atol=atol)


def test_parameters_against_pymatgen() -> None:
    for crystal in random_crystals(20, 2):
        np.testing.assert_allclose(crystal.parameters(), Lattice(crystal.lattice).parameters, rtol=1e-10)
        rebuilt = lattice_from_parameters(crystal.parameters())
        np.testing.assert_allclose(lattice_parameters(rebuilt), crystal.parameters(), rtol=1e-10)
        assert abs(np.linalg.det(rebuilt)) == pytest.approx(crystal.volume)


def test_impossible_angles() -> None:
    with pytest.raises(ValueError, match="no cell has the lattice parameters"):
        lattice_from_parameters([3, 3, 3, 100, 130, 140])


def test_bad_crystals_are_refused() -> None:
    with pytest.raises(ValueError, match="2 atomic numbers for 1 positions"):
        Crystal([1, 2], [[0, 0, 0]], np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        Crystal([1], [[0, np.nan, 0]], np.eye(3))
    disordered = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    with pytest.raises(ValueError, match="disordered"):
        Crystal.from_structure(disordered)


def test_a_formula_with_a_noble_gas_comes_without_a_word_on_its_electronegativity() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Crystal([2, 11, 11], np.arange(9).reshape(3, 3) / 10, np.eye(3) * 4).formula == "Na2He"


def test_wrapping_reaches_zero_not_one() -> None:
    frac = Crystal([1], [[-1e-17, 1.0, 2.25]], np.eye(3)).frac_coords
    np.testing.assert_array_equal(frac, [[0, 0, 0.25]])


CELLS = {"NaCl": (60, 60, 60), "CsCl": (90, 90, 90), "Si": (60, 60, 60), "ZnO": (90, 90, 120)}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(CELLS)), st.integers(0, 10**6))
def test_canonical_cell_is_unique(formula: str, seed: int) -> None:
    """Noise of 1e-4 Å, a rotation, a shear and a doubled cell all lead to the same canonical cell.

    Niggli cells of the raw lattice would come out as 60/60/60, 120/120/90 or 90/120/120.
    """
    rng = np.random.default_rng(seed)
    base = KNOWN[formula]
    shear = np.eye(3, dtype=int)
    shear[tuple(rng.permutation(3)[:2])] = rng.integers(-1, 2)
    cell = supercell(base, shear @ np.diag(rng.permutation([1, 1, rng.integers(1, 3)])))
    noisy = Crystal(
        cell.numbers,
        cell.frac_coords + rng.normal(size=(len(cell), 3)) * 2e-5,
        cell.lattice @ (np.eye(3) + 2e-5 * rng.normal(size=(3, 3))) @ rotation(seed),
    )
    canonical = noisy.canonical()
    assert len(canonical) == len(base)
    np.testing.assert_allclose(np.sort(canonical.parameters()[3:]), CELLS[formula], atol=0.1)
    np.testing.assert_allclose(canonical.parameters(), base.canonical().parameters(), rtol=1e-3)
    assert StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5).fit(canonical.to_structure(), base.to_structure())


def test_canonical_keeps_a_crystal_without_symmetry() -> None:
    for crystal in random_crystals(10, 4, 3):
        canonical = crystal.canonical()
        assert canonical.volume == pytest.approx(crystal.volume, rel=1e-4)
        assert StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5, primitive_cell=False).fit(
            canonical.to_structure(), crystal.to_structure()
        )


def test_a_primitive_cell_is_not_symmetrised() -> None:
    base = KNOWN["ZnO"]
    moved = Crystal(base.numbers, base.frac_coords + [[0, 0, 0], [0.01, 0, 0], [0, 0, 0], [0, 0, 0]], base.lattice)
    primitive = supercell(moved, np.diag([3, 2, 2])).primitive()
    assert len(primitive) == 4 and primitive.volume == pytest.approx(base.volume)
    assert StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1).fit(primitive.to_structure(), moved.to_structure())
    assert not StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1).fit(primitive.to_structure(), base.to_structure())


def test_reduced_counts() -> None:
    assert reduced_counts([17, 11, 17, 11]) == ((11, 1), (17, 1))
    assert reduced_counts([8, 22, 8]) == ((8, 2), (22, 1))
    assert reduced_counts([14, 14]) == ((14, 1),)
