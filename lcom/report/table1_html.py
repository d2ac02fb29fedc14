"""Table 1 in a page: counts of each column, marks of each compound, differences, all rows; and what failed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import pandas as pd

from lcom.report.markdown import NONE
from lcom.report.markdown_html import markdown_html
from lcom.report.methods import Method
from lcom.report.page import subscripts, table
from lcom.report.rows import csv_cells
from lcom.report.table1 import LEGEND, MARKS, QUOTED, Column, columns_of, counts_of, differences_of


def table1_html(rows: pd.DataFrame, methods: Mapping[str, Method]) -> str:
    """rows: of table1.csv"""
    columns = columns_of(rows, methods)
    methods_said = "\n".join(
        f"- {label}: {about}" for label, about in {c.label: c.method.about for c in columns}.items()
    )
    legend = markdown_html(LEGEND + "\n\n" + methods_said)
    return "\n".join(
        [
            _counts(columns),
            f"<details><summary>What the counts and methods are</summary>{legend}</details>",
            *(markdown_html(part, 2) for part in differences_of(columns)),
            "<h3>Strict, by compound</h3>",
            "<p>One mark a seed: ✓ strict, ✗ not, ! no energy, ? no reference, – not run.</p>",
            _marks(columns, list(rows.compound.unique())),
            f'<details class="long"><summary>All {len(rows)} rows of table1.csv</summary>{_rows(rows)}</details>',
            f"<details><summary>What the paper has</summary>{markdown_html(QUOTED)}</details>",
        ]
    )


def failures_html(rows: pd.DataFrame, methods: Mapping[str, Method]) -> str:
    """Each reason with the structures that it is said of; nothing if there is none."""
    noted = rows[rows.failure != ""]
    lines = []
    for reason, own in noted.groupby("failure", sort=False):
        names = [
            f"{row.compound} ({methods[row.method].label}, {row.start}, seed {row.seed})" for row in own.itertuples()
        ]
        shown = ", ".join(names[:4])
        if len(names) > 4:
            shown = f"<details><summary>{shown} and {len(names) - 4} more</summary>{', '.join(names[4:])}</details>"
        lines.append([f"<span>{html.escape(reason)}</span>", str(len(own)), shown])
    if not lines:
        return "<p>Nothing failed, and nothing was odd.</p>"
    return '<div class="wraps">' + table(["reason", "rows", "structures"], lines, 3) + "</div>"


def _counts(columns: Sequence[Column]) -> str:
    """A row a column of Table 1, so that methods can be sorted by what they reach."""
    lines = counts_of(columns)
    rows = [
        [*map(html.escape, (column.dataset, column.start, column.label)), *(line[1 + k] for line in lines)]
        for k, column in enumerate(columns)
    ]
    return table(["data set", "start", "method", *(html.escape(line[0]) for line in lines)], rows, 3)


def _marks(columns: Sequence[Column], compounds: Sequence[str]) -> str:
    marks = [column.marks("strict") for column in columns]
    rows = [[subscripts(compound), *(_mark(own.get(compound, NONE)) for own in marks)] for compound in compounds]
    several = len({column.dataset for column in columns}) > 1
    heads = ["\n".join([*([c.dataset] if several else []), c.start, c.label]) for c in columns]
    return table(["compound", *map(html.escape, heads)], rows, 99)


def _mark(marks: str) -> str:
    """Sorted by the number of successes; what did not run is last."""
    if marks == NONE:
        return NONE
    good = marks.count(MARKS[True])
    coloured = "".join(f'<span class="{"yes" if mark == MARKS[True] else "no"}">{mark}</span>' for mark in marks)
    return f'<span data-v="{good}">{coloured}</span>'


def _rows(rows: pd.DataFrame) -> str:
    cells = csv_cells(rows)
    shown = [[html.escape("" if pd.isna(value) else str(value)) for value in row] for row in cells.to_numpy()]
    return table([name.replace("_", " ") for name in rows], shown, 4)
