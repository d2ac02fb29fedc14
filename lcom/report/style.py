"""Plots, the same bytes from the same numbers."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterable

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, SymmetricalLogLocator

from lcom.base.files import whole

# colours of Okabe and Ito, which the colour-blind can tell apart; a marker for each, for print in grey
STYLES = {
    "lcoms": ("#0072B2", "o"),
    "sl": ("#009E73", "s"),
    "sl_stopped": ("#7FC9B5", "s"),
    "cdvae": ("#E69F00", "^"),
    "cdvae_prior": ("#F0E442", "^"),
    "choice": ("#0072B2", "X"),
    "lcoms_many": ("#0072B2", "d"),
    "analogue": ("#8C510A", "h"),
    "mlp": ("#4D4D4D", "p"),
    "ras": ("#56B4E9", "D"),
    "pso": ("#CC79A7", "v"),
    "bo": ("#D55E00", "P"),
    "dft_pso": ("#000000", "*"),
    "start": ("#777777", "X"),
}
# columns of the user's own, in turn: other marks than those above, filled, as open ones say where a column starts
OWN = [(colour, marker) for colour in ("#882255", "#332288", "#117733", "#AA4499") for marker in ("<", ">", "H", "8")]
LINEAR = 10.0  # meV/atom: the axis of ΔE is linear within ± this, and logarithmic outside


def styles(methods: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each of the columns of a figure, no two alike (of the first 16 of the user's own)."""
    own = itertools.cycle(OWN)
    return {method: STYLES.get(method) or next(own) for method in dict.fromkeys(methods)}


def symmetric_log(axes: Axes, linear: float) -> None:
    """The y axis linear within ± linear, which is shaded, and logarithmic outside."""
    axes.set_yscale("symlog", linthresh=linear, linscale=0.5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", " ").replace("-", "−")))
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear, subs=[1, 2, 5]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.axhspan(-linear, linear, color="0.95", zorder=0)
    plain(axes)


def plain(axes: Axes) -> None:
    """A grid behind the data, no box around it."""
    axes.grid(True, which="major", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def svg_text(figure: Figure) -> str:
    """The SVG itself."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "lcom"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def save(figure: Figure, svg: str | os.PathLike, png: str | os.PathLike) -> None:
    """Write both files. No dates, no random ids: the same figure gives the same bytes."""
    with matplotlib.rc_context({"svg.hashsalt": "lcom"}):
        _write(svg, figure, format="svg", metadata={"Date": None})
    _write(png, figure, format="png", dpi=150, metadata={"Software": None})


def _write(path: str | os.PathLike, figure: Figure, **options) -> None:
    with whole(path) as temporary:
        figure.savefig(temporary, **options)
