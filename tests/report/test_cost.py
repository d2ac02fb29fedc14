"""Success against cost, by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.markers import MarkerStyle

from lcom.report.cost import cost_figure, costs, markdown_text
from lcom.report.methods import table_methods
from lcom.report.style import OWN, STYLES, save, styles
from lcom.surrogate.settings import METHODS

NAN = math.nan
ALL = table_methods({name: column for name, (_, column) in METHODS.items()}, ["relaxed", "dataset"])
ROWS = pd.DataFrame(
    [
        ("d", "lcoms", "relaxed", "MgO", 0, -5.0, True, NAN, 60.0, 1.0, 3.0),
        ("d", "lcoms", "relaxed", "NaCl", 0, -3.0, False, NAN, 20.0, 1.0, 3.0),
        ("d", "lcoms", "relaxed", "MgO", 1, -5.0, True, NAN, 40.0, 1.0, 3.0),
        ("d", "lcoms", "relaxed", "NaCl", 1, -3.0, pd.NA, NAN, 40.0, 1.0, 3.0),  # no energy: no success
        ("d", "lcoms", "relaxed", "XeF2", 0, NAN, True, NAN, 999.0, 1.0, 3.0),  # no reference: not judged
        ("d", "mlp", "none", "MgO", 0, -5.0, True, NAN, NAN, 25.0, NAN),
        ("d", "start", "dataset", "MgO", 0, -5.0, False, NAN, NAN, NAN, NAN),
        ("d", "dft_pso", "search", "MgO", 0, -5.0, True, 96.0, NAN, 900.0, NAN),
        ("d", "dft_pso", "search", "MgO", 1, -5.0, False, 104.0, NAN, 1100.0, NAN),
    ],
    columns=[
        *("dataset", "method", "start", "compound", "seed", "reference", "strict", "evaluations"),
        *("seconds_start", "seconds_optimise", "seconds_decode"),
    ],
).astype({"strict": "boolean", "evaluations": "Float64"})
LABELS = {name: method.label for name, method in ALL.items()}


def test_seconds_relaxations_and_shares_by_hand() -> None:
    table = costs(ROWS, ALL).set_index("method")
    lcoms, pso = table.loc["lcoms"], table.loc["dft_pso"]
    assert lcoms.seconds == pytest.approx(44) and lcoms.relaxations == 1 and lcoms.structures == 4
    assert lcoms.strict == 0.5 and lcoms.deviation == 0
    assert (table.loc["mlp"].relaxations, table.loc["mlp"].seconds) == (METHODS["mlp"][1].draws, 25)
    assert (
        table.loc["start"].seconds == 0
        and table.loc["start"].relaxations == 0
        and np.isnan(table.loc["start"].deviation)
    )
    assert pso.relaxations == 100 and pso.seconds == 1000 and pso.deviation == pytest.approx(0.5**0.5)


def test_the_most_successful_comes_first() -> None:
    text = markdown_text(costs(ROWS, ALL), LABELS)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| d ")]
    assert lines == [
        ["d", "CHGNet", "–", "1.00", "20", "25.0"],
        ["d", "LCOMs", "relaxed", "0.50 ± 0.00", "1", "44.0"],
        ["d", "DFT-PSO", "–", "0.50 ± 0.71", "100", "1 000.0"],
        ["d", "start", "dataset", "0.00", "0", "0.000"],
    ]


def test_the_figure_has_every_column_once_and_draws_what_costs_nothing(tmp_path) -> None:
    table = costs(ROWS, ALL)
    both = pd.concat([table, table.assign(dataset="e")], ignore_index=True)
    figure = cost_figure(both, LABELS)
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "LCOMs, relaxed start", "CHGNet", "start, dataset start", "DFT-PSO",
    ]  # fmt: skip
    save(figure, tmp_path / "a.svg", tmp_path / "a.png")
    for axes in figure.axes:
        low, high = axes.get_xlim()
        marks = np.concatenate([line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 1])
        assert ((low <= marks) & (marks <= high)).all()


def test_own_columns_look_different_in_a_figure() -> None:
    looks = styles([*STYLES, "mine", "yours", "mine", "theirs"])
    assert len(looks) == len(STYLES) + 3
    assert len(set(looks.values())) == len(looks)
    # figures give marks a white edge, or fill them with white: one that is all edge could not be seen
    assert all(MarkerStyle(marker).is_filled() for _, marker in [*STYLES.values(), *OWN])


def test_own_columns_stand_after_those_of_the_default_config() -> None:
    """Snakemake merges a second file of a config with its keys first, and Table 1 holds the first column against the others."""
    columns = {name: column for name, (_, column) in METHODS.items()}
    merged = {"mine": columns["lcoms"], "sl": columns["sl"], "lcoms": columns["lcoms"]}
    assert list(table_methods(merged, ["dataset"]))[:4] == ["lcoms", "sl", "mine", "start"]
