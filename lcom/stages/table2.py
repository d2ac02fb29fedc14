"""Timings, energies and the histories of the searches -> table2.csv, table2.md and the plot of ΔE against seconds."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.report.made_with import made_with
from lcom.report.rows import TableSettings, collect_rows, csv_text
from lcom.report.seconds_figure import energy_against_time
from lcom.report.style import save
from lcom.report.table2 import collect_panels, collect_seconds, markdown_text
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "compounds", "results", "csv", "md", "figure", "png").parse_args()
    settings = parse_settings(TableSettings, args.config, "table2")
    results = Path(args.results)
    compounds = [compound.formula for compound in load_compounds(args.compounds, settings.only)]
    rows = collect_rows(results, settings, compounds)
    seconds = collect_seconds(results, settings, compounds, rows)
    panels = collect_panels(results, settings, compounds, rows, seconds)
    labels = {name: settings.label(name, compounds) for name in settings.methods}
    write_text(args.csv, csv_text(seconds))
    write_text(args.md, f"{markdown_text(seconds, labels)}\n{made_with(results)}")
    save(energy_against_time(panels), args.figure, args.png)


if __name__ == "__main__":
    run(main)
