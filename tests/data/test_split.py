"""Who is held out: checked on the split itself, by composition and by structure."""

import numpy as np
import pandas as pd
import pytest

from lcom.compounds import PROTOTYPES
from lcom.crystal import Crystal, reduced_counts
from lcom.data.sets import energy_above
from lcom.data.settings import SplitSettings
from lcom.data.split import split
from lcom.data.table import Crystals, from_arrow, row, to_arrow
from lcom.elements import symbol_to_number
from lcom.report.judge import match_rmse
from tests.crystals import KNOWN

PAIRS = ["MgO", "NaCl", "LiBr", "KI", "RbBr", "CaSe", "SrTe", "BaSe", "MgTe", "NaI", "KBr", "LiI"]


def _crystals() -> list[Crystal]:
    import re

    result = []
    for pair in PAIRS:
        numbers = [symbol_to_number(s) for s in re.findall("[A-Z][a-z]?", pair)]
        for prototype, a in (("rocksalt", 5.5), ("cesium_chloride", 3.4), ("zincblende", 6.0)):
            result.append(PROTOTYPES[prototype].build(numbers, [a, a, a, 90, 90, 90]).canonical())
    return result


def _table(crystals: list[Crystal]) -> Crystals:
    return from_arrow(to_arrow([row(str(i), c, 0.0, "test") for i, c in enumerate(crystals)]))


def test_the_table_gives_the_crystals_back() -> None:
    crystals = _crystals()
    table = _table(crystals)
    for i in (0, 5, 35):
        np.testing.assert_array_equal(table.crystal(i).numbers, crystals[i].numbers)
        np.testing.assert_array_equal(table.crystal(i).frac_coords, crystals[i].frac_coords)
        np.testing.assert_array_equal(table.crystal(i).lattice, crystals[i].lattice)
    rows = np.array([7, 2, 30])
    expected = np.concatenate([crystals[i].numbers for i in rows])
    np.testing.assert_array_equal(table.numbers[table.atoms_of(rows)], expected)


def test_benchmark_formulas_leave_both_parts() -> None:
    crystals = _crystals()
    parts = split(_table(crystals), list(KNOWN.values()), SplitSettings(val_fraction=0.2))
    held = {reduced_counts(c.numbers) for c in KNOWN.values()}
    for crystal, part, reason in zip(crystals, parts["part"], parts["reason"], strict=True):
        assert (part == "heldout") == (reduced_counts(crystal.numbers) in held)
        assert bool(reason) == (part != "train")
    by_formula = pd.Series(parts["part"].to_numpy()).groupby([c.formula for c in crystals]).nunique()
    assert (by_formula == 1).all(), "a composition lies in two parts"
    assert 0 < (parts["part"] == "val").sum() < 3 * 6


@pytest.mark.parametrize("holdout", ["formula", "ground_state"])
def test_compounds_of_further_tables_leave_by_formula_whatever_is_held_out_of_the_benchmark(holdout: str) -> None:
    crystals = _crystals()
    further = [next(c for c in crystals if c.formula == name).numbers[::-1] for name in ("LiBr", "KI")]
    elsewhere = np.array([3, 3, 29, 29]), np.array([55, 9])  # Li2Cu2, not in the data; CsF neither
    parts = split(
        _table(crystals), list(KNOWN.values()), SplitSettings(holdout=holdout, val_fraction=0.2), [*further, *elsewhere]
    )
    without = split(_table(crystals), list(KNOWN.values()), SplitSettings(holdout=holdout, val_fraction=0.2))
    held = parts["part"] == "heldout"
    formulas = np.array([c.formula for c in crystals])
    assert held[np.isin(formulas, ["LiBr", "KI"])].all()
    others = ~np.isin(formulas, ["LiBr", "KI"])
    np.testing.assert_array_equal(held[others], (without["part"] == "heldout")[others])
    assert set(parts["reason"][np.isin(formulas, ["LiBr", "KI"])]) == {"held-out formula"}
    assert parts["part"][others].equals(without["part"][others])  # of the others none moves


def test_whichever_table_is_the_benchmark_the_split_is_the_same() -> None:
    """So that one training serves a run of the compounds and one of the validation list."""
    table = _table(_crystals())
    one, other = [KNOWN["MgO"], KNOWN["NaCl"]], [c for c in _crystals() if c.formula in ("LiBr", "KI")]
    settings = SplitSettings(val_fraction=0.2)
    first = split(table, one, settings, [c.numbers for c in other])
    second = split(table, other, settings, [c.numbers for c in one])
    assert first.equals(second) and (first["part"] == "heldout").sum() == 12


def test_ground_state_option_keeps_the_other_polymorphs() -> None:
    crystals = _crystals()
    parts = split(_table(crystals), list(KNOWN.values()), SplitSettings(holdout="ground_state", val_fraction=0.2))
    tested = [(c, p) for c, p in zip(crystals, parts["part"], strict=True) if c.formula in ("MgO", "NaCl")]
    held = [c for c, part in tested if part == "heldout"]
    for crystal, part in tested:
        rmse = match_rmse(KNOWN[crystal.formula], crystal)
        assert (part == "heldout") == (rmse is not None and rmse < 0.1)
    assert [c.formula for c in held] == ["MgO", "NaCl"]  # rock salt; zincblende and caesium chloride stay


def test_the_split_depends_on_its_seed_alone() -> None:
    crystals = _crystals()
    one = split(_table(crystals), [], SplitSettings(val_fraction=0.2))
    again = split(_table(crystals), [], SplitSettings(val_fraction=0.2))
    others = [split(_table(crystals), [], SplitSettings(val_fraction=0.2, seed=s)) for s in range(1, 6)]
    assert one.equals(again) and not all(one.equals(other) for other in others)


def test_a_set_that_grows_keeps_its_parts() -> None:
    """Networks that go on learning from more data have not seen what validates them."""
    crystals = _crystals()
    settings = SplitSettings(val_fraction=0.3)
    every = split(_table(crystals), [], settings)["part"]
    for n in (12, 20, 30):
        some = split(_table(crystals[:n]), [], settings)["part"]
        assert some.equals(every[:n])
    elements = [e for e in range(3, 84) if e not in (10, 18, 36, 54)]
    many = [
        Crystal(np.array([a, b]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.eye(3) * 3)
        for a in elements[:40]
        for b in elements[40:]
    ]
    share = (split(_table(many), [], SplitSettings(val_fraction=0.1))["part"] == "val").mean()
    assert abs(share - 0.1) < 4 * np.sqrt(0.1 * 0.9 / len(many))


def test_one_composition_is_split_by_crystals() -> None:
    crystals = _table([c for c in _crystals() if c.formula == "MgO"] * 5)
    parts = split(crystals, [KNOWN["NaCl"]], SplitSettings(val_fraction=0.2))
    assert parts["part"].value_counts().to_dict() == {"train": 12, "val": 3}
    with pytest.raises(ValueError, match=r"0 crystals of 0 compositions are left outside the benchmark.*`compounds`"):
        split(crystals, [KNOWN["MgO"]], SplitSettings())


def test_too_little_to_split() -> None:
    with pytest.raises(ValueError, match="val_fraction"):
        split(_table(_crystals()[:1]), [], SplitSettings())


def test_energy_above_ignores_what_is_held_out() -> None:
    crystals = _crystals()[:6]
    energies = np.array([-3.0, -2.5, -2.0, -1.0, -1.5, -0.5])
    kept = np.array([False, True, True, True, True, True])
    table = from_arrow(
        to_arrow([row(str(i), *both, "test") for i, both in enumerate(zip(crystals, energies, strict=True))])
    )
    above = energy_above(table, kept)
    assert np.isnan(above[0])
    np.testing.assert_allclose(above[1:], [0, 0.5, 0.5, 0, 1.0])


def test_energies_of_two_levels_of_theory_are_not_compared() -> None:
    crystals = [
        PROTOTYPES[name].build([11, 17], [5.6, 5.6, 5.6, 90, 90, 90]) for name in ("rocksalt", "zincblende")
    ] * 2
    energies, levels = [-2.0, -1.9, -12.0, -11.5], ["r2SCAN", "r2SCAN", "PBE", "PBE"]
    rows = [
        row(str(i), *both, "test", level)
        for i, (*both, level) in enumerate(zip(crystals, energies, levels, strict=True))
    ]
    above = energy_above(from_arrow(to_arrow(rows)), np.ones(4, dtype=bool))
    np.testing.assert_allclose(above, [0, 0.1, 0, 0.5])
    above = energy_above(from_arrow(to_arrow(rows)), np.array([False, True, True, True]))
    np.testing.assert_allclose(above, [np.nan, 0, 0, 0.5])
