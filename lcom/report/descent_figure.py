"""Figures 2 and 4 of the paper (arXiv 2310.10056): the energy along the descent, by GPAW and by the surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lcom.report.descents import medians
from lcom.report.methods import SURROGATES
from lcom.report.style import LINEAR, STYLES, plain, symmetric_log


def path_figure(rows: pd.DataFrame) -> Figure:
    """ΔE by GPAW, and the change that the surrogate predicts, against the steps of the descent: a column for each data set and
    compound, a colour for each surrogate. Thick: the median of the seeds; thin: the seeds; crosses: no energy."""
    columns = dict(list(rows.groupby(["dataset", "compound"], sort=False)))
    series = list(rows.groupby(["method", "tau"], sort=False, dropna=False).groups)
    colours = _colours(series)
    figure = Figure(figsize=(1.2 + 4.6 * len(columns), 7.0), layout="constrained")
    axes = figure.subplots(2, len(columns), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2))
    for (upper, lower), ((dataset, compound), own) in zip(axes.T, columns.items(), strict=True):
        symmetric_log(upper, LINEAR)
        upper.axhline(0, color="#B2182B", linewidth=1.4, zorder=1)
        upper.set_title(f"{compound} ({dataset})", loc="left", fontsize=11)
        lower.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        lower.set_xlabel("steps of gradient descent")
        plain(lower)
        paths = own.groupby(["method", "tau"], sort=False, dropna=False)
        for (_, path), colour in zip(paths, colours, strict=True):
            _draw_path(upper, lower, path, colour)
    axes[0, 0].set_ylabel("ΔE to the known ground state,\nGPAW (meV/atom)")
    axes[1, 0].set_ylabel("change predicted by\nthe surrogate (eV/atom)")
    handles = [
        Line2D([], [], color=colour, linewidth=2, label=_label(SURROGATES[name], tau))
        for (name, tau), colour in zip(series, colours, strict=True)
    ]
    handles.append(Line2D([], [], color="#B2182B", linewidth=1.4, label="known ground state"))
    handles.append(
        Line2D([], [], color="0.4", marker="x", linestyle="none", label="no energy, or none to compare with (a seed)")
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_path(upper: Axes, lower: Axes, rows: pd.DataFrame, colour) -> None:
    for _, own in rows.groupby("seed"):
        upper.plot(own.step, own.delta_e_mev, color=colour, linewidth=0.8, alpha=0.6, marker=".", markersize=4)
        for step in own.step[own.delta_e_mev.isna()]:
            upper.plot(step, 0.98, "x", color=colour, transform=upper.get_xaxis_transform(), clip_on=False)
        change = own.predicted - own.predicted.iloc[0]
        if change.notna().any():  # a start that failed has no descent
            lower.plot(own.step, change, color=colour, linewidth=0.8, alpha=0.6)
    middle = medians(rows).replace(np.inf, np.nan)
    upper.plot(middle.index, middle, color=colour, linewidth=2.2)


def _label(surrogate: str, tau: float) -> str:
    return surrogate if np.isnan(tau) else f"{surrogate}, τ = {tau:g}"


def _colours(series: Sequence[tuple[str, float]]) -> list:
    """The methods' own where each stands once, or else shades of blue by tau, from conservative to not."""
    taus = [tau for _, tau in series if not np.isnan(tau)]
    blues = iter(matplotlib.colormaps["Blues"](np.linspace(1.0, 0.45, len(taus))))
    return [STYLES[m][0] if np.isnan(tau) or len(taus) == 1 else next(blues) for m, tau in series]
