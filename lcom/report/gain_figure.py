"""Figure 3 of the paper (arXiv 2310.10056): what the descent gains over its start, with and without conservatism."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcom.report.methods import SURROGATES
from lcom.report.style import STYLES, symmetric_log

LINEAR = 1.0  # per cent: the axis is linear within ± this


def gain_figure(gains: pd.DataFrame) -> Figure:
    """Gain over the start by compound and method, a panel for each data set and start. Bars: medians of the seeds; dots: the seeds;
    crosses: no energy, or a suspicious one, which counts as infinitely bad. ValueError without gains."""
    if gains.empty:
        raise ValueError(
            "no start has an energy below that of its atoms: there is nothing to compare with for Figure 3"
        )
    panels = list(gains.groupby(["dataset", "start"], sort=False))
    longest = max(own.compound.nunique() for _, own in panels)
    figure = Figure(figsize=(2.5 + 0.42 * max(longest, 12), 0.6 + 3.4 * len(panels)), layout="constrained")
    for axes, (panel, own) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        shown = own.method.unique()
        middle = own.pivot_table("per_cent", "compound", "method", "median")[shown]
        middle = middle.sort_index().sort_values(shown[0], ascending=False, kind="stable")
        symmetric_log(axes, LINEAR)
        finite = own.per_cent[np.isfinite(own.per_cent)]
        axes.set_ylim(1.6 * min([-2, *finite]), 1.6 * max([2, *finite]))
        axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        for k, method in enumerate(shown):
            shift = 0.36 * (k - (len(shown) - 1) / 2)
            _draw_gains(axes, own[own.method == method], middle[method], SURROGATES[method], shift)
        axes.set_xticks(range(len(middle)), middle.index, fontsize=8)
        axes.set_xlim(-0.7, len(middle) - 0.3)
        axes.set_title(f"{panel[0]}, {panel[1]} start", loc="left", fontsize=11)
        axes.set_ylabel("energy gained,\n% of that of the start")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    return figure


def _draw_gains(axes: Axes, gains: pd.DataFrame, middle: pd.Series, label: str, shift: float) -> None:
    """One method's: middle is compound -> median, in the order of the axis."""
    label = f"{label}: {(gains.per_cent > 0).sum()} of {len(gains)} lower in energy than their start"
    heights, places = middle.clip(lower=axes.get_ylim()[0]), np.arange(len(middle)) + shift
    colour = STYLES[gains.method.iloc[0]][0]
    axes.bar(places, heights, width=0.34, color=colour, alpha=0.75, label=label, zorder=2)
    for x, value in zip(middle.index.get_indexer(gains.compound) + shift, gains.per_cent, strict=True):
        if np.isfinite(value):
            axes.plot(x, value, ".", color="0.15", markersize=4, zorder=3)
        else:
            axes.plot(x, 0.02, "x", color="0.15", markersize=4, transform=axes.get_xaxis_transform(), zorder=3)
