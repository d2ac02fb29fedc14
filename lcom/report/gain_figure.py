"""Figure 3 of the paper (arXiv 2310.10056): what the descent gains over its start, with and without conservatism."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcom.report.methods import SURROGATES
from lcom.report.style import STYLES, symmetric_log

# judge -> the unit of its gains, and within how much of it the axis is linear
UNITS = {"GPAW": ("% of that of the start", 1.0), "CHGNet": ("meV/atom", 10.0)}
BARS = {name: (label, STYLES[name][0]) for name, label in SURROGATES.items()} | {"choice": ("no step", "#B0B0B0")}
WIDTH = 0.42  # inches for a compound, where there are at most
MOST = 30  # of them; more stand closer


def gain_figure(gains: pd.DataFrame) -> Figure:
    """Gain over the start by compound and method, a panel for each data set, start and judge. Bars: medians of the seeds; dots: the seeds;
    crosses: no energy, or a suspicious one, which counts as infinitely bad. ValueError without gains."""
    if gains.empty:
        raise ValueError(
            "no start has an energy below that of its atoms: there is nothing to compare with for Figure 3"
        )
    panels = list(gains.groupby(["judge", "dataset", "start"], sort=False))
    longest = max(own["compound"].nunique() for _, own in panels)
    size = 2.5 + WIDTH * min(max(longest, 12), MOST), 0.6 + 3.4 * len(panels)
    figure = Figure(figsize=size, layout="constrained")
    for axes, ((judge, dataset, start), own) in zip(
        figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        shown = [method for method in BARS if method in set(own.method)]
        middle = own.pivot_table("gain", "compound", "method", "median")[shown]
        middle = middle.sort_index().sort_values(shown[0], ascending=False, kind="stable")
        unit, linear = UNITS[judge]
        symmetric_log(axes, linear)
        finite = own.gain[np.isfinite(own.gain)]
        axes.set_ylim(1.6 * min([-2 * linear, *finite]), 1.6 * max([2 * linear, *finite]))
        axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        width = 0.72 / len(shown)
        for k, method in enumerate(shown):
            _draw_gains(axes, own[own.method == method], middle[method], width, width * (k - (len(shown) - 1) / 2))
        crowded = len(middle) > MOST
        axes.set_xticks(range(len(middle)), middle.index, fontsize=6 if crowded else 8, rotation=90 if crowded else 0)
        axes.set_xlim(-0.7, len(middle) - 0.3)
        which = f", {len(middle)} compositions not trained on, by CHGNet" if judge == "CHGNet" else ""
        axes.set_title(f"{dataset}, {start} start{which}", loc="left", fontsize=11, pad=24)  # above the legend
        axes.set_ylabel(f"energy gained,\n{unit}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_gains(axes: Axes, gains: pd.DataFrame, middle: pd.Series, width: float, shift: float) -> None:
    """One method's: middle is compound -> median, in the order of the axis."""
    name, colour = BARS[gains.method.iloc[0]]
    label = f"{name}: {(gains.gain > 0).sum()} of {len(gains)} lower than their start"
    heights, places = middle.clip(lower=axes.get_ylim()[0]), np.arange(len(middle)) + shift
    axes.bar(places, heights, width=0.94 * width, color=colour, alpha=0.75, label=label, zorder=2)
    size = 4 if len(middle) <= MOST else 2
    for x, value in zip(middle.index.get_indexer(gains["compound"]) + shift, gains.gain, strict=True):
        if np.isfinite(value):
            axes.plot(x, value, ".", color="0.15", markersize=size, zorder=3)
        else:
            axes.plot(x, 0.02, "x", color="0.15", markersize=size, transform=axes.get_xaxis_transform(), zorder=3)
