"""Figure 3 of the paper (arXiv 2310.10056): what the descent gains over its start, with and without conservatism."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcom.report.gains import Gain
from lcom.report.rows import METHODS
from lcom.report.style import STYLES, symmetric_log

LINEAR = 1.0  # per cent: the axis is linear within ± this


def gain_figure(gains: Sequence[Gain]) -> Figure:
    """Gain over the start by compound and method, a panel for each data set and start. Bars: medians of the seeds; dots: the seeds;
    crosses: no energy, or a suspicious one, which counts as infinitely bad. ValueError without gains."""
    if not gains:
        raise ValueError(
            "no start has an energy below that of its atoms: there is nothing to compare with for Figure 3"
        )
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
        symmetric_log(axes, LINEAR)
        finite = [gain.per_cent for gain in own if math.isfinite(gain.per_cent)]
        axes.set_ylim(1.6 * min([-2, *finite]), 1.6 * max([2, *finite]))
        axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
        for k, method in enumerate(methods):
            shift = 0.36 * (k - (len(methods) - 1) / 2)
            _draw_gains(axes, [g for g in own if g.method == method], compounds, middle, shift)
        axes.set_xticks(range(len(compounds)), compounds, fontsize=8)
        axes.set_xlim(-0.7, len(compounds) - 0.3)
        axes.set_title(f"{panel[0]}, {panel[1]} start", loc="left", fontsize=11)
        axes.set_ylabel("energy gained,\n% of that of the start")
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
