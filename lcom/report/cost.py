"""What a structure costs, and how often it is the right one: success against seconds and against relaxations, for every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lcom.report.markdown import NONE, markdown_table, number
from lcom.report.methods import Method
from lcom.report.style import plain, styles

COLUMNS = ["dataset", "method", "start", "seconds", "relaxations", "strict", "deviation", "structures"]
_NUMBERS = FuncFormatter(lambda value, _: f"{value:g}")
OPEN = "dataset"  # start of the columns with open marks
LEGEND = """\
strict: share of the structures (Table 1), mean over the seeds ± standard deviation. Seconds are those of the start and of the method,
without the final energy by GPAW; a search may have had up to four threads, all else one.
relaxations: of a structure, by GPAW (the start, DFT-PSO's energies) or by CHGNet."""


def costs(rows: pd.DataFrame, methods: Mapping[str, Method]) -> pd.DataFrame:
    """COLUMNS, a row for each (data set, method, start), the start itself too. seconds for one structure, wall; strict: share of the
    structures whose compound has a reference, mean over the seeds; deviation: of the seeds, NaN of one."""
    known = rows[rows.reference.notna()]
    found = []
    for (dataset, name, start), own in known.groupby(["dataset", "method", "start"], sort=False):
        seconds = own[["seconds_start", "seconds_optimise", "seconds_decode"]].astype(float)
        relaxations = methods[name].relaxations + (start == "relaxed")
        if methods[name].kind == "dft_search":
            relaxations = round(own.evaluations.astype(float).mean())
        shares = own.strict.fillna(False).astype(float).groupby(own.seed).mean()
        cost = seconds.sum(axis=1).mean() if seconds.notna().any(axis=None) else 0.0
        found.append((dataset, name, start, cost, relaxations, shares.mean(), shares.std(), len(own)))
    return pd.DataFrame(found, columns=COLUMNS)


def markdown_text(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """The part of table2.md that says what the seconds buy; the most successful column first."""
    lines = [["data set", "method", "start", "strict", "relaxations", "seconds"]]
    for row in table.sort_values(["dataset", "strict"], ascending=[True, False], kind="stable").itertuples():
        share = f"{row.strict:.2f}" + ("" if pd.isna(row.deviation) else f" ± {row.deviation:.2f}")
        start = NONE if row.start in ("none", "search") else row.start
        seconds = number(row.seconds, 1 if row.seconds >= 1 else 3)
        lines.append([row.dataset, labels[row.method], start, share, str(row.relaxations), seconds])
    return "\n\n".join(["## What the seconds buy", LEGEND, markdown_table(lines, left=3)]) + "\n"


def cost_figure(table: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Two panels a data set: strict share against seconds, and against relaxations; bars are deviations over the seeds."""
    datasets, looks = list(dict.fromkeys(table.dataset)), styles(table.method)
    figure = Figure(figsize=(11.0, 0.8 + 4.2 * len(datasets)), layout="constrained")
    for axes, dataset in zip(figure.subplots(len(datasets), 2, squeeze=False, sharey=True), datasets, strict=True):
        own = table[table.dataset == dataset]
        least = max(1e-3, own.seconds[own.seconds > 0].min() / 2 if (own.seconds > 0).any() else 1e-3)
        _panel(axes[0], own, own.seconds.clip(lower=least), labels, looks)
        axes[0].set_xscale("log")
        axes[0].xaxis.set_major_formatter(_NUMBERS)
        axes[0].set_xlabel("seconds for one structure, without the final energy by GPAW")
        axes[0].set_ylabel("right structures (strict), share")
        axes[0].set_title(dataset, loc="left", fontsize=11)
        _panel(axes[1], own, own.relaxations, labels, looks)
        axes[1].set_xscale("symlog", linthresh=1)
        axes[1].xaxis.set_major_formatter(_NUMBERS)
        axes[1].set_xlim(left=-0.2)
        axes[1].set_xlabel("relaxations for one structure")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, fontsize=9)
    return figure


def _panel(
    axes: Axes, rows: pd.DataFrame, x: Sequence[float], labels: Mapping[str, str], looks: Mapping[str, tuple[str, str]]
) -> None:
    plain(axes)
    axes.set_ylim(-0.03, 1.03)
    for row, at in zip(rows.itertuples(), x, strict=True):
        colour, marker = looks[row.method]
        start = "" if row.start in ("none", "search") else f", {row.start} start"
        axes.errorbar(
            at, row.strict, yerr=None if pd.isna(row.deviation) else row.deviation, color=colour, marker=marker,
            markersize=8, markerfacecolor="white" if row.start == OPEN else colour, linestyle="none", capsize=2,
            elinewidth=1, label=labels[row.method] + start,
        )  # fmt: skip
