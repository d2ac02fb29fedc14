"""Whether two crystals are one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcom.crystal import Crystal
from lcom.dft.same import same_crystal
from lcom.physical import reduced_cell
from tests.crystals import KNOWN, random_crystals, rotation

LIMIT = 1e-4
CRYSTALS = [*random_crystals(4, 4), *random_crystals(2, 7, seed=3, elements=3), *KNOWN.values()]


def written_otherwise(crystal: Crystal, seed: int, mirrored: bool, noise: float) -> Crystal:
    """Rotated, shifted, in another cell and order, perhaps its mirror image, every atom moved by less than `noise` Å."""
    rng = np.random.default_rng(seed)
    cell = np.eye(3, dtype=int)
    for _ in range(4):
        i, j = rng.permutation(3)[:2]
        cell[i] += rng.integers(-1, 2) * cell[j]
    turn = rotation(seed) * (-1 if mirrored else 1)
    order, shift = rng.permutation(len(crystal)), rng.random(3)
    moved = rng.normal(size=(len(crystal), 3))
    moved *= noise * rng.random((len(crystal), 1)) / np.linalg.norm(moved, axis=1, keepdims=True)
    frac_coords = (crystal.frac_coords + moved @ np.linalg.inv(crystal.lattice) + shift) @ np.linalg.inv(cell)
    return Crystal(crystal.numbers[order], frac_coords[order], cell @ crystal.lattice @ turn)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CRYSTALS), st.integers(0, 10**6), st.booleans())
def test_a_crystal_written_otherwise_is_the_same(crystal: Crystal, seed: int, mirrored: bool) -> None:
    a, b = reduced_cell(crystal), reduced_cell(written_otherwise(crystal, seed, mirrored, 0.4 * LIMIT))
    assert same_crystal(a, b, LIMIT) and same_crystal(b, a, LIMIT)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([c for c in CRYSTALS if len(c) > 1]),
    st.integers(0, 10**6),
    st.sampled_from(["atom", "edge", "element"]),
)
def test_a_crystal_that_differs_is_another(crystal: Crystal, seed: int, change: str) -> None:
    numbers, frac_coords, lattice = crystal.numbers.copy(), crystal.frac_coords.copy(), crystal.lattice.copy()
    if change == "atom":
        frac_coords[0] += np.array([0.003, 0.0, 0.0]) @ np.linalg.inv(lattice)
    elif change == "edge":
        lattice[0] *= 1.0003
    else:
        numbers[0] += 1
    other = written_otherwise(Crystal(numbers, frac_coords, lattice), seed, False, 0.0)
    assert not same_crystal(reduced_cell(crystal), reduced_cell(other), LIMIT)


@pytest.mark.parametrize(("first", "second"), [("NaCl", "ZnS"), ("ZnS", "ZnO")])
def test_other_arrangements_in_one_cell_are_others(first: str, second: str) -> None:
    """Rocksalt and zincblende have one lattice."""
    crystal, other = KNOWN[first], KNOWN[second]
    if len(crystal) != len(other):
        crystal = Crystal(*(x for x in (other.numbers, other.frac_coords * [1, 1, -1] + [0, 0, 0.02], other.lattice)))
        assert same_crystal(reduced_cell(crystal), reduced_cell(other), LIMIT), "a mirror image and a shift"
        return
    same_numbers = Crystal(other.numbers, crystal.frac_coords, other.lattice)
    assert not same_crystal(reduced_cell(same_numbers), reduced_cell(other), LIMIT)
