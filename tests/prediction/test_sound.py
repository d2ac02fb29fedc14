"""Which crystals can be judged: supercells as their primitive cells, and what is too large or no crystal not at all."""

import numpy as np
import pytest

from lcom.crystal import Crystal
from lcom.physical import close_contact
from lcom.prediction import sound as module
from lcom.prediction.sound import sound
from tests.crystals import KNOWN, random_crystals, supercell

SALT = KNOWN["NaCl"]


@pytest.mark.parametrize("formula", sorted(KNOWN))
def test_known_crystals_are_sound_and_stay_what_they_are(formula: str) -> None:
    cell = supercell(KNOWN[formula], np.diag([2, 1, 3]))
    found = sound(cell)
    assert len(found) == len(KNOWN[formula])
    assert found.volume / len(found) == pytest.approx(cell.volume / len(cell), rel=1e-6)


def test_a_large_supercell_is_its_primitive_cell() -> None:
    assert len(sound(supercell(SALT, np.diag([12, 12, 12])))) == 2


def test_what_is_not_symmetric_is_not_symmetrised() -> None:
    moved = Crystal(SALT.numbers, SALT.frac_coords + [[0, 0, 0], [0.01, 0, 0]], SALT.lattice)
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(sound(moved).to_structure().distance_matrix, axis=1)),
        np.sort(np.linalg.norm(moved.to_structure().distance_matrix, axis=1)),
        rtol=1e-6,
    )


def placed(crystal: Crystal, x: float) -> Crystal:
    """With the second atom at x of the first edge."""
    return Crystal(crystal.numbers, [[0, 0, 0], [x, 0, 0]], crystal.lattice)


@pytest.mark.parametrize(
    ("crystal", "says"),
    [
        (placed(SALT, 0), "atoms on top of each other: .*Na.* at 0.00 Å"),
        (placed(SALT, 0.01), "atoms on top of each other: .*Na.* at 0.04 Å"),
        (Crystal(SALT.numbers, SALT.frac_coords, SALT.lattice / 4), "collapsed cell: .* Å³ per atom"),
        (Crystal(SALT.numbers, SALT.frac_coords, np.diag([4, 4, 4000])), "atoms in an empty cell: .* over 185"),
        (Crystal([8, 1, 1], [[0, 0, 0], [0.08, 0.06, 0], [-0.08, 0.06, 0]], np.eye(3) * 10), "an empty cell: .* over 40"),
        (Crystal([11] * 8, [[0, 0, (k + 0.01 * k * k) / 9] for k in range(8)], np.diag([3, 3, 120])), "an edge of 120 Å"),
    ],
)  # fmt: skip
def test_what_is_no_crystal_is_refused(crystal: Crystal, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sound(crystal)


def test_ice_is_a_crystal() -> None:
    """Cubic ice, 10.7 Å³ an atom: 12 times what covalent radii say."""
    oxygen = KNOWN["Si"]
    lattice = oxygen.lattice * 6.36 / 5.43
    vector = (oxygen.frac_coords[1] - oxygen.frac_coords[0]) @ lattice
    bonds = [vector - shift @ lattice for shift in ([0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1])]
    first, second = oxygen.frac_coords @ lattice
    along = [first + 0.36 * bonds[0], first + 0.36 * bonds[1], second + 0.36 * bonds[2], second + 0.36 * bonds[3]]
    positions = np.array([first, second, *along])
    assert len(sound(Crystal([8, 8, 1, 1, 1, 1], positions @ np.linalg.inv(lattice), lattice))) == 6


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ATOMS", 7)
    assert len(sound(supercell(SALT, np.diag([2, 2, 2])))) == 2
    (crystal,) = random_crystals(1, 8, 3)
    crystal = Crystal(np.full(8, 1), crystal.frac_coords, crystal.lattice)
    with pytest.raises(ValueError, match="is too large: 8 atoms in its primitive cell, over 7"):
        sound(crystal)
    monkeypatch.setattr(module, "MAX_GIVEN", 7)
    with pytest.raises(ValueError, match="is too large: 8 atoms, over 7"):
        sound(crystal)


def test_contacts_are_those_of_the_full_comparison() -> None:
    for crystal in random_crystals(60, 6, 1):
        assert module._contact(crystal) == close_contact(crystal, module.MIN_DISTANCE)
