"""Figures 2, 3 and 4 of the paper (arXiv 2310.10056): what the descent in latent space does to the energy by GPAW."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lcom.figures import LINEAR, STYLES, plain, symmetric_log
from lcom.gains import Gain
from lcom.paths import Step, medians
from lcom.report import METHODS

PER_CENT = 1.0  # the axis of gains is linear within ± this


# ---- Figures 2 and 4


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
    handles.append(Line2D([], [], color="0.4", marker="x", linestyle="none", label="no energy (a seed)"))
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


# ---- Figure 3


def gain_figure(gains: Sequence[Gain]) -> Figure:
    """Gain over the start by compound and method, a panel for each data set and start. Bars: medians of the seeds; dots: the seeds;
    crosses: no energy, which counts as infinitely bad."""
    panels = list(dict.fromkeys((gain.dataset, gain.start) for gain in gains))
    longest = max(len({g.compound for g in gains if (g.dataset, g.start) == panel}) for panel in panels)
    figure = Figure(figsize=(2.5 + 0.42 * max(longest, 12), 0.6 + 3.4 * len(panels)), layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        own = [gain for gain in gains if (gain.dataset, gain.start) == panel]
        middle = {
            (compound, method): statistics.median(
                g.per_cent for g in own if (g.compound, g.method) == (compound, method)
            )
            for compound, method in dict.fromkeys((g.compound, g.method) for g in own)
        }
        methods = list(dict.fromkeys(gain.method for gain in own))
        compounds = sorted({c for c, _ in middle}, key=lambda c: (-middle[c, methods[0]], c))
        symmetric_log(axes, PER_CENT)
        finite = [gain.per_cent for gain in own if math.isfinite(gain.per_cent)]
        axes.set_ylim(1.6 * min(-2, *finite), 1.6 * max(2, *finite))
        axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        for k, method in enumerate(methods):
            shift = 0.36 * (k - (len(methods) - 1) / 2)
            _draw_gains(axes, [g for g in own if g.method == method], compounds, middle, shift)
        axes.set_xticks(range(len(compounds)), compounds, fontsize=8)
        axes.set_xlim(-0.7, len(compounds) - 0.3)
        axes.set_title(f"{panel[0]}, {panel[1]} start", loc="left", fontsize=11)
        axes.set_ylabel("energy gained (%)")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    return figure


def _draw_gains(axes: Axes, gains: Sequence[Gain], compounds: Sequence[str], middle: dict, shift: float) -> None:
    method = gains[0].method
    colour = STYLES[method][0]
    heights = [max(middle[compound, method], axes.get_ylim()[0]) for compound in compounds]
    places = np.arange(len(compounds)) + shift
    values = [g.per_cent for g in gains]
    up = sum(value > 0 for value in values)
    label = f"{METHODS[method].label}: {up} of {len(values)} lower in energy than their start"
    axes.bar(places, heights, width=0.34, color=colour, alpha=0.75, label=label, zorder=2)
    for gain in gains:
        x = compounds.index(gain.compound) + shift
        if math.isfinite(gain.per_cent):
            axes.plot(x, gain.per_cent, ".", color="0.15", markersize=4, zorder=3)
        else:
            axes.plot(x, 0.02, "x", color="0.15", markersize=4, transform=axes.get_xaxis_transform(), zorder=3)
