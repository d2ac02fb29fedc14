"""Figures 2 and 4 of the paper (arXiv 2310.10056): the energy along the descent, by GPAW and by the surrogate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lcom.report.descents import Step, medians
from lcom.report.rows import METHODS
from lcom.report.style import LINEAR, STYLES, plain, symmetric_log


def path_figure(rows: Sequence[Step]) -> Figure:
    """ΔE by GPAW, and the change that the surrogate predicts, against the steps of the descent: a column for each data set and
    compound, a colour for each surrogate. Thick: the median of the seeds; thin: the seeds; crosses: no energy."""
    columns = list(dict.fromkeys((row.dataset, row.compound) for row in rows))
    series = list(dict.fromkeys((row.method, row.tau) for row in rows))
    figure = Figure(figsize=(1.2 + 4.6 * len(columns), 7.0), layout="constrained")
    axes = figure.subplots(2, len(columns), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2))
    for k, (dataset, compound) in enumerate(columns):
        upper, lower = axes[:, k]
        symmetric_log(upper, LINEAR)
        upper.axhline(0, color="#B2182B", linewidth=1.4, zorder=1)
        upper.set_title(f"{compound} ({dataset})", loc="left", fontsize=11)
        lower.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        lower.set_xlabel("steps of gradient descent")
        plain(lower)
        for name, colour in zip(series, _colours(series), strict=True):
            own = [r for r in rows if (r.dataset, r.compound, r.method, r.tau) == (dataset, compound, *name)]
            _draw_path(upper, lower, own, colour)
    axes[0, 0].set_ylabel("ΔE to the known ground state,\nGPAW (meV/atom)")
    axes[1, 0].set_ylabel("change predicted by\nthe surrogate (eV/atom)")
    handles = [
        Line2D([], [], color=colour, linewidth=2, label=_label(*name))
        for name, colour in zip(series, _colours(series), strict=True)
    ]
    handles.append(Line2D([], [], color="#B2182B", linewidth=1.4, label="known ground state"))
    handles.append(
        Line2D([], [], color="0.4", marker="x", linestyle="none", label="no energy, or none to compare with (a seed)")
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_path(upper: Axes, lower: Axes, rows: Sequence[Step], colour) -> None:
    for seed in sorted({row.seed for row in rows}):
        own = [row for row in rows if row.seed == seed]
        steps = [row.step for row in own]
        deltas = [math.nan if row.delta_e_mev is None else row.delta_e_mev for row in own]
        upper.plot(steps, deltas, color=colour, linewidth=0.8, alpha=0.6, marker=".", markersize=4)
        for step in (row.step for row in own if row.delta_e_mev is None):
            upper.plot(step, 0.98, "x", color=colour, transform=upper.get_xaxis_transform(), clip_on=False)
        if own[0].predicted is not None:  # a start that failed has no descent
            change = [row.predicted - own[0].predicted for row in own]
            lower.plot(steps, change, color=colour, linewidth=0.8, alpha=0.6)
    middle = medians(rows)
    upper.plot(
        list(middle), [m if math.isfinite(m) else math.nan for m in middle.values()], color=colour, linewidth=2.2
    )


def _label(method: str, tau: float | None) -> str:
    return METHODS[method].label if tau is None else f"{METHODS[method].label}, τ = {tau:g}"


def _colours(series: Sequence[tuple[str, float | None]]) -> list:
    """The methods' own where each stands once, or else shades of blue by tau, from conservative to not."""
    taus = [tau for _, tau in series if tau is not None]
    blues = iter(matplotlib.colormaps["Blues"](np.linspace(1.0, 0.45, len(taus))))
    return [STYLES[m][0] if tau is None or len(taus) == 1 else next(blues) for m, tau in series]
