"""Starts made by swapping atoms."""

import numpy as np
import pytest

from lcom.base.seeding import generator
from lcom.batch import pack
from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal
from lcom.starts.swapped import draw, fitting, stoichiometry, swap
from tests.crystals import KNOWN, random_crystals


def _draw(crystals: list[Crystal], numbers: np.ndarray, rng: np.random.Generator) -> Crystal:
    pool = pack(crystals)
    return draw(pool, fitting(pool, numbers), numbers, rng)


def test_only_crystals_with_the_same_counts_fit() -> None:
    crystals = [*KNOWN.values(), *random_crystals(40, 3)]
    for numbers in ([3, 17], [3, 3, 17, 17], [6], [12, 9, 9], [3, 4, 5]):
        expected = [i for i, c in enumerate(crystals) if stoichiometry(c.numbers) == stoichiometry(numbers)]
        assert fitting(pack(crystals), np.array(numbers)).tolist() == expected


def test_cations_take_the_place_of_cations() -> None:
    zincblende_first = KNOWN["ZnS"]
    swapped = swap(zincblende_first, np.array([35, 11]))  # NaBr, anion first
    for old, new in zip(zincblende_first.numbers, swapped.numbers, strict=True):
        assert {30: 11, 16: 35}[int(old)] == int(new)
    np.testing.assert_allclose(swapped.frac_coords, zincblende_first.frac_coords)


def test_a_cell_grows_with_its_atoms() -> None:
    big, small = swap(KNOWN["NaCl"], np.array([55, 53])), swap(KNOWN["NaCl"], np.array([3, 9]))
    assert big.volume > KNOWN["NaCl"].volume > small.volume
    np.testing.assert_allclose(big.parameters()[3:], 60, atol=1e-6)


def test_counts_must_agree() -> None:
    fluorite = PROTOTYPES["rocksalt"].build([11, 17], [5, 5, 5, 90, 90, 90])
    with pytest.raises(ValueError, match="counts"):
        swap(fluorite, np.array([11, 17, 17]))
    with pytest.raises(ValueError, match="no training crystal has the counts"):
        _draw([KNOWN["NaCl"]], np.array([20, 9, 9]), generator("x"))
    assert stoichiometry([9, 20, 9]) == (1, 2)


def test_draws_depend_on_the_key_alone() -> None:
    pool = [KNOWN[f] for f in ("NaCl", "CsCl", "ZnS", "MgO", "CaO", "BeS")]
    lattices = [_draw(pool, np.array([3, 17]), generator("swap", k, "LiCl")).lattice for k in range(20)]
    again = _draw(pool, np.array([3, 17]), generator("swap", 4, "LiCl")).lattice
    np.testing.assert_array_equal(lattices[4], again)
    assert len({round(abs(np.linalg.det(m)), 3) for m in lattices}) > 2
