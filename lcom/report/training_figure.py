"""How the networks of a data set learned, from the tables of losses that the trainings leave."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from lcom.report.methods import SURROGATES
from lcom.report.style import STYLES, plain

CDVAE = {
    "loss": "all",
    "coord": "coordinates",
    "lattice": "lattice",
    "strain": "strain",
}  # of metrics.csv: what is drawn
COLOURS = ("0.2", "#0072B2", "#E69F00", "#009E73")


def read_losses(folder: Path) -> dict[str, pd.DataFrame]:
    """Of a data set's folder: network -> its table of losses, of those that there are."""
    files = {"cdvae": folder / "cdvae/metrics.csv", "energy_model": folder / "energy_model/metrics.csv"}
    files |= {name: folder / f"surrogate/{name}.csv" for name in SURROGATES}
    return {name: _read(path) for name, path in files.items() if path.is_file()}


def training_figure(losses: dict[str, pd.DataFrame]) -> Figure:
    """A panel for each network; those of the surrogates have their validation error, gap and alpha."""
    surrogates = [name for name in SURROGATES if name in losses]
    networks = [name for name in ("cdvae", "energy_model") if name in losses]
    panels = [*networks, *(["error", "gap", "alpha"] if surrogates else [])]
    figure = Figure(figsize=(3.6 * len(panels), 3.4), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        plain(axes)
        axes.set_xlabel("epoch")
        if panel == "cdvae":
            _draw_cdvae(axes, losses[panel])
        elif panel == "energy_model":
            _draw_energy_model(axes, losses[panel])
        else:
            for name in surrogates:
                _draw_surrogate(axes, losses[name], panel, name)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_cdvae(axes: Axes, table: pd.DataFrame) -> None:
    """Each part of the loss relative to its first value on validation: their scales differ by a factor of fifty."""
    axes.set_title("CD-VAE", loc="left", fontsize=11)
    axes.set_ylabel("loss, of that after the first epoch")
    for (part, label), colour in zip(CDVAE.items(), COLOURS, strict=True):
        if f"val_{part}" not in table or not table[f"val_{part}"].iloc[0] > 0:
            continue  # a part that is switched off
        first = table[f"val_{part}"].iloc[0]
        axes.plot(table.epoch, table[f"train_{part}"] / first, color=colour, linewidth=0.8, alpha=0.7)
        axes.plot(table.epoch, table[f"val_{part}"] / first, color=colour, linewidth=1.8, label=label)
    axes.set_ylim(0, 1.6)


def _draw_energy_model(axes: Axes, table: pd.DataFrame) -> None:
    axes.set_title("energy model", loc="left", fontsize=11)
    axes.set_ylabel("mean error (eV/atom)")
    _logarithmic(axes)
    axes.plot(table.epoch, table.train_mae, color="0.2", linewidth=0.8, label="training")
    axes.plot(table.epoch, table.val_mae, color="0.2", linewidth=1.8, label="validation")


def _draw_surrogate(axes: Axes, table: pd.DataFrame, panel: str, name: str) -> None:
    """The mean over the seeds; thin: the error in training."""
    mean, colour, label = table.groupby("epoch").mean(), STYLES[name][0], SURROGATES[name]
    if panel == "error":
        axes.set_title("surrogates", loc="left", fontsize=11)
        axes.set_ylabel("error (eV/atom)")
        _logarithmic(axes)
        axes.plot(mean.index, mean.train_rmse, color=colour, linewidth=0.8)
        axes.plot(mean.index, mean.val_mae, color=colour, linewidth=1.8, label=label)
    elif panel == "gap":
        axes.set_ylabel("gap E(z) − E(z+)")
        axes.set_yscale("symlog", linthresh=0.1)
        axes.plot(mean.index, mean.gap, color=colour, linewidth=1.8, label=label)
    elif name == "lcoms":  # SL has no alpha
        axes.set_ylabel("α, weight of conservatism")
        axes.plot(mean.index, mean.alpha, color=colour, linewidth=1.8, label=label)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
        table["epoch"]
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error
    return table
