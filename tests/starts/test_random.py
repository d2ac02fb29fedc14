"""Random starts and the guards: distances against ASE's neighbour list, ranges, seeds."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from lcom.base.seeding import generator
from lcom.compounds import load_compounds
from lcom.crystal import Crystal, lattice_from_parameters
from lcom.elements import covalent_radius
from lcom.physical import close_contact, reduced_cell, typical_volume, unphysical
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings
from tests.crystals import random_crystals

COMPOUNDS = load_compounds("data/compounds.csv")


def closest_ratio(crystal: Crystal) -> float:
    """Shortest distance over the sum of covalent radii by ASE, self-images included."""
    i, j, d = neighbor_list("ijd", crystal.to_atoms(), 6.0)
    return float((d / (covalent_radius(crystal.numbers)[i] + covalent_radius(crystal.numbers)[j])).min(initial=np.inf))


@given(
    index=st.integers(0, len(COMPOUNDS) - 1),
    units=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    low=st.floats(0.6, 1.2),
    width=st.floats(0, 1),
    distance=st.floats(0.5, 0.75),
)
@settings(max_examples=30, deadline=None)
def test_random_crystals_keep_what_the_settings_say(index, units, seed, low, width, distance) -> None:
    numbers = np.tile(COMPOUNDS[index].numbers, units)
    wanted = RandomSettings(min_volume=low, max_volume=low + width, min_distance=distance)
    try:
        crystal = random_crystal(numbers, wanted, generator("test", seed))
    except ValueError as error:  # too many atoms in too small a cell, and it says so
        assert "min_distance" in str(error)
        return
    assert crystal.numbers.tolist() == numbers.tolist()
    ratio = crystal.volume / len(crystal) / typical_volume(numbers)
    assert low - 1e-6 <= ratio <= low + width + 1e-6
    assert closest_ratio(crystal) >= distance - 1e-9
    assert unphysical(crystal) is None
    assert ((crystal.parameters()[3:] > 59) & (crystal.parameters()[3:] < 121)).all()  # Niggli cells


def test_no_start_is_a_collapsed_cell() -> None:
    """Carbon, at 0.55 to 0.7 of the guess of its volume: 2.7 to 3.4 Å³ an atom, and no energy below 3."""
    settings = RandomSettings(min_volume=0.55, max_volume=0.7, min_distance=0.5)
    for seed in range(20):
        assert unphysical(random_crystal(np.array([6, 6]), settings, generator("dense", seed))) is None


def test_seeds_reproduce_and_differ() -> None:
    def draw(*keys: str | int) -> np.ndarray:
        crystal = random_crystal(COMPOUNDS[0].numbers, RandomSettings(), generator(*keys))
        return np.concatenate([crystal.lattice.ravel(), crystal.frac_coords.ravel()])

    assert (draw("initial", 0, "LiF") == draw("initial", 0, "LiF")).all()
    others = [draw("initial", 1, "LiF"), draw("initial", 0, "NaF"), draw("swap", 0, "LiF"), draw("initial", "0", "LiF")]
    for other in others:
        assert not np.allclose(draw("initial", 0, "LiF"), other)
    # fixed for good: a change of these digits changes every start ever made
    assert generator("initial", 0, "LiF").integers(0, 2**32, 3).tolist() == [2718877041, 16309636, 590066462]


def test_random_crystals_cover_ground_state_volumes() -> None:
    for compound in COMPOUNDS:
        crystal = compound.crystal()
        assert 0.55 < crystal.volume / len(crystal) / typical_volume(crystal.numbers) < 1.85, compound.formula
        assert unphysical(crystal) is None, compound.formula


def test_an_impossible_demand_says_what_to_change() -> None:
    with pytest.raises(ValueError, match=r"min_distance \(1\).*max_volume \(0\.2\)"):
        random_crystal(np.full(6, 11), RandomSettings(0.2, 0.2, 1), generator("x"))


@pytest.mark.parametrize("values", [(0, 1, 0.7), (1.5, 1.2, 0.7), (0.7, 1.6, 0.4), (0.7, 1.6, 1.1)])
def test_settings_out_of_range(values) -> None:
    with pytest.raises(ValueError, match="config: m[a-z_]+: .* must be at (least|most) |must be more than 0"):
        RandomSettings(*values)


@given(seed=st.integers(0, 10**6), fraction=st.floats(0.2, 1.5), stretch=st.floats(0.3, 3))
@settings(max_examples=30, deadline=None)
def test_close_contact_agrees_with_ase(seed, fraction, stretch) -> None:
    (crystal,) = random_crystals(1, 3, seed)
    lattice = crystal.lattice * np.array([[stretch], [1], [1]])  # slabs and needles too
    crystal = Crystal(crystal.numbers, crystal.frac_coords, lattice)
    ratio = closest_ratio(crystal)
    if abs(ratio - fraction) < 1e-6:
        return
    assert (close_contact(crystal, fraction) is not None) == (ratio < fraction)


def test_reduced_cell_is_the_same_crystal() -> None:
    for crystal in random_crystals(20, 4):
        skewed = Crystal(
            crystal.numbers,
            crystal.frac_coords @ np.linalg.inv([[1, 2, 0], [0, -1, 0], [1, 0, 1]]),
            np.array([[1, 2, 0], [0, -1, 0], [1, 0, 1]]) @ crystal.lattice,
        )
        reduced = reduced_cell(skewed)
        assert np.linalg.det(reduced.lattice) > 0
        assert reduced.volume == pytest.approx(crystal.volume)
        assert np.linalg.norm(reduced.lattice, axis=1).sum() <= np.linalg.norm(crystal.lattice, axis=1).sum() + 1e-9
        distances = [np.sort(neighbor_list("d", c.to_atoms(), 5.0)) for c in (crystal, skewed, reduced)]
        assert np.allclose(distances[0], distances[1]) and np.allclose(distances[0], distances[2])


def test_guards_name_what_is_wrong() -> None:
    cell = lattice_from_parameters(np.array([4.2, 4.2, 4.2, 90, 90, 90]))
    too_close = Crystal([12, 8], [[0, 0, 0], [0, 0, 0.07]], cell)
    assert unphysical(too_close) == "atoms too close: Mg-O at 0.29 Å, under 1.03 Å (0.5 of the covalent radii)"
    through_the_wall = Crystal([12, 8], [[0, 0, 0.01], [0, 0, 0.95]], cell)
    assert "Mg-O at 0.25 Å" in unphysical(through_the_wall)
    flat = Crystal([12], [[0, 0, 0]], np.diag([1.0, 8, 8]))
    assert "Mg-Mg at 1.00 Å" in unphysical(flat)
    assert unphysical(Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], cell / 3)).startswith("collapsed cell: 1.37 Å³")
    assert unphysical(Crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], cell * 3)).startswith("expanded cell: 1000 Å³")


def test_a_cell_with_two_edges_nearly_alike_is_reduced() -> None:
    # two decoded wurtzites: spglib gives up on them at its own tolerance
    for numbers, rows in (
        ([48, 16], [[4.15327835, 0.18434593, 0.03185855], [-2.23651838, 3.50464416, 0.01436739], [-0.05022345, -0.06032157, 6.8963275]]),
        ([30, 8], [[3.2565546, -0.7738201, -0.08406864], [-0.96123087, 3.20653033, -0.07219838], [0.18239743, 0.17706533, 5.43560553]]),
    ):  # fmt: skip
        lattice = np.array(rows)
        reduced = reduced_cell(Crystal(np.array(numbers), np.zeros((2, 3)), lattice)).lattice
        change = reduced @ np.linalg.inv(lattice)  # whole combinations of the old edges, of the same volume
        np.testing.assert_allclose(change, np.round(change), atol=1e-9)
        assert np.linalg.det(change) == pytest.approx(1)
