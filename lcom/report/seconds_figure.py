"""The plot of Table 2: ΔE to the known ground state against seconds for one structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lcom.report.style import LINEAR, styles, symmetric_log


@dataclass(frozen=True)
class Trace:
    """A method: where it ends, and how it gets there. seconds for one structure; delta, start in meV/atom (GPAW).

    start: ΔE of the structure that it starts from, None for a search
    curve [4, n] of a search, or None: share of the seconds, then quartiles of its best prediction (table2.best_so_far)
    """

    method: str
    label: str
    seconds: float
    delta: float | None
    start: float | None = None
    curve: np.ndarray | None = None


@dataclass(frozen=True)
class Panel:
    title: str
    traces: list[Trace]


def energy_against_time(panels: Sequence[Panel]) -> Figure:
    """ΔE to the known ground state against seconds for one structure, a panel a data set."""
    figure = Figure(figsize=(1.2 + 6.0 * len(panels), 6.0), layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    left, right = _time_limits(panels)
    looks = styles(trace.method for panel in panels for trace in panel.traces)
    for axes, panel in zip(all_axes, panels, strict=True):
        _frame(axes, panel.title, left, right)
        for trace in panel.traces:
            _draw(axes, trace, left, *looks[trace.method])
    all_axes[0].set_ylabel("ΔE to the known ground state (meV/atom)")
    _legend(figure, panels, looks)
    return figure


def _time_limits(panels: Sequence[Panel]) -> tuple[float, float]:
    times = []
    for trace in (t for panel in panels for t in panel.traces if t.seconds > 0):
        times += [trace.seconds] if trace.curve is None else [trace.seconds * trace.curve[0, 0], trace.seconds]
    return (min(times) / 4, max(times) * 4) if times else (0.1, 10.0)


def _frame(axes: Axes, title: str, left: float, right: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    symmetric_log(axes, LINEAR)
    axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("seconds for one structure\n(without relaxing the start, without the final GPAW energy)")


def _draw(axes: Axes, trace: Trace, left: float, colour: str, marker: str) -> None:
    if trace.curve is not None:
        seconds = trace.seconds * trace.curve[0]
        low, middle, high = np.where(np.isfinite(trace.curve[1:]), trace.curve[1:], np.nan)
        axes.fill_between(seconds, low, high, step="post", color=colour, alpha=0.12, linewidth=0)
        for edge in (low, high):  # bands overlap: their edges tell them apart
            axes.plot(seconds, edge, drawstyle="steps-post", color=colour, linewidth=0.6, alpha=0.6)
        axes.plot(seconds, middle, drawstyle="steps-post", color=colour, linewidth=1.8)
        if trace.delta is not None and np.isfinite(middle[-1]):  # what GPAW says of what the network found
            axes.plot([trace.seconds] * 2, [middle[-1], trace.delta], color=colour, linewidth=1.2, linestyle=":")
    if trace.delta is None:
        return
    if trace.start is not None:
        axes.plot([left, trace.seconds], [trace.start, trace.delta], color=colour, linewidth=1.6, linestyle="--")
        axes.plot(left, trace.start, marker="o", color="0.4", markersize=9, fillstyle="none", clip_on=False, zorder=4)
    size = 13 if marker == "*" else 8
    look: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8, "linestyle": "none"}
    axes.plot(trace.seconds, trace.delta, marker=marker, color=colour, markersize=size, zorder=5, **look)


def _legend(figure: Figure, panels: Sequence[Panel], looks: Mapping[str, tuple[str, str]]) -> None:
    """The methods, then what the kinds of lines and marks mean; under the panels."""
    traces = {trace.label: trace for panel in panels for trace in panel.traces}
    entries = [_entry(trace, *looks[trace.method]) for trace in traces.values()]
    kinds = [Line2D([], [], color="0.4", marker="o", markersize=7, linestyle="none", label="found, by GPAW: median")]
    if any(trace.start is not None for trace in traces.values()):
        ring: dict[str, Any] = {"marker": "o", "fillstyle": "none", "markersize": 9}
        kinds.append(Line2D([], [], color="0.4", linestyle="none", label="start, by GPAW", **ring))
    if any(trace.curve is not None for trace in traces.values()):
        kinds.append(Line2D([], [], color="0.4", linewidth=1.8, label="best so far, predicted: median"))
        kinds.append(Patch(facecolor="0.85", edgecolor="0.6", linewidth=0.6, label="and quartiles"))
        kinds.append(Line2D([], [], color="0.4", linestyle=":", label="from prediction to GPAW"))
    kinds.append(Patch(facecolor="0.93", linewidth=0, label=f"linear scale within ±{LINEAR:.0f}"))
    figure.legend(
        handles=entries + kinds, loc="outside lower center", ncols=3, handlelength=3, frameon=False, fontsize=9
    )


def _entry(trace: Trace, colour: str, marker: str) -> Line2D:
    linestyle = "-" if trace.curve is not None else "--" if trace.start is not None else "none"
    size = 12 if marker == "*" else 8
    look: dict[str, Any] = {"marker": marker, "markersize": size, "markeredgecolor": "white", "linestyle": linestyle}
    return Line2D([], [], color=colour, linewidth=1.8, label=trace.label, **look)
