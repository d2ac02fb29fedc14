"""Energies along the descents -> Figure 2 or 4, as a table and a plot."""

from __future__ import annotations

from pathlib import Path

from lcom.figures import save
from lcom.files import write_text
from lcom.path_figure import path_figure
from lcom.paths import PathSettings, collect_steps
from lcom.report import csv_text
from lcom.settings import parse_settings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "results", "csv", "figure", "png").parse_args()
    rows = collect_steps(Path(args.results), parse_settings(PathSettings, args.config, "figures"))
    write_text(args.csv, csv_text(rows))
    save(path_figure(rows), args.figure, args.png)


if __name__ == "__main__":
    run(main)
