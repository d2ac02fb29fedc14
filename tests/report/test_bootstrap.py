"""The paired bootstrap, against what can be said without it."""

import numpy as np
import pandas as pd
import pytest

from lcom.report.bootstrap import difference


def rows_of(met: np.ndarray) -> pd.DataFrame:
    """met [compounds, seeds]: 1, 0 or NaN."""
    compounds, seeds = np.indices(met.shape)
    table = pd.DataFrame({"compound": compounds.ravel(), "seed": seeds.ravel(), "strict": met.ravel()})
    return table.astype({"strict": "boolean"})


def test_no_difference_between_the_same_rows():
    met = np.random.default_rng(0).integers(0, 2, (20, 3)).astype(float)
    assert difference(rows_of(met), rows_of(met), "strict") == (20, 0, 0, 0)
    assert difference(rows_of(0 * met), rows_of(0 * met), "strict") == (20, 0, 0, 0), "all failed"


def test_it_is_paired():
    """Ahead by one seed of three everywhere: compounds differ, their differences do not."""
    one, other = np.zeros((30, 3)), np.zeros((30, 3))
    one[:] = np.arange(30)[:, None] % 2
    other[:] = one
    one[::2, 0], other[1::2, 0] = 1, 0
    compounds, mean, low, high = difference(rows_of(one), rows_of(other), "strict")
    assert (compounds, mean) == (30, pytest.approx(1 / 3))
    assert (low, high) == pytest.approx((0, 1)), (
        "of three seeds the one that differs may be drawn never, or three times"
    )
    assert difference(rows_of(other), rows_of(one), "strict")[1:] == pytest.approx((-mean, -high, -low))


def test_one_seed_is_the_bootstrap_of_a_mean():
    """64 of 100 ahead: the normal interval is 0.64 ± 1.96 · sqrt(0.64 · 0.36 / 100)."""
    one = (np.arange(100) < 64).astype(float)[:, None]
    compounds, mean, low, high = difference(rows_of(one), rows_of(0 * one), "strict")
    assert (compounds, mean) == (100, pytest.approx(0.64))
    assert (low, high) == (pytest.approx(0.546, abs=0.015), pytest.approx(0.734, abs=0.015))


def test_a_seed_that_trained_badly_is_no_certainty():
    """All the difference lies in one of three seeds, of all 100 compounds: drawing compounds alone would be sure of it."""
    one = np.zeros((100, 3))
    one[:, 0] = 1
    _, mean, low, high = difference(rows_of(one), rows_of(0 * one), "strict")
    assert (mean, low, high) == pytest.approx((1 / 3, 0, 1))


def test_compounds_that_one_has_not_are_left_out():
    one, other = np.ones((5, 2)), np.zeros((5, 2))
    one[0] = np.nan  # no reference
    rows = rows_of(other)
    assert difference(rows_of(one), rows[rows.compound < 4], "strict") == (3, 1, 1, 1)
    only = difference(rows_of(one), rows[rows.compound == 1], "strict")
    assert only[:2] == (1, 1) and np.isnan(only[2:]).all(), "of one compound there is nothing to draw"
    none = difference(rows_of(one), rows[rows.compound == 0], "strict")
    assert none[0] == 0 and np.isnan(none[1:]).all()


def test_the_same_rows_give_the_same_numbers():
    met = np.random.default_rng(1).integers(0, 2, (2, 26, 3)).astype(float)
    first, second = (difference(rows_of(met[0]), rows_of(met[1]), "strict") for _ in range(2))
    assert first == second


def test_one_structure_without_chance_stands_for_every_seed():
    one = np.random.default_rng(1).integers(0, 2, (20, 3)).astype(float)
    other = np.random.default_rng(2).integers(0, 2, (20, 1)).astype(float)
    repeated = np.repeat(other, 3, axis=1)
    assert difference(rows_of(one), rows_of(other), "strict") == difference(rows_of(one), rows_of(repeated), "strict")
    assert difference(rows_of(other), rows_of(one), "strict")[1] == pytest.approx(other.mean() - one.mean())
