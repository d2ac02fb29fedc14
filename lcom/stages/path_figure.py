"""Energies along the descents -> Figure 2 or 4, as a table and a plot."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.report.descent_figure import path_figure
from lcom.report.descents import PathSettings, collect_steps
from lcom.report.rows import csv_text
from lcom.report.style import save
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "results", "csv", "figure", "png").parse_args()
    rows = collect_steps(Path(args.results), parse_settings(PathSettings, args.config, "figures"))
    write_text(args.csv, csv_text(rows))
    save(path_figure(rows), args.figure, args.png)


if __name__ == "__main__":
    run(main)
