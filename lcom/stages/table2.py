"""Timings, energies and the histories of the searches -> table2.csv, table2.md and the plot of ΔE against seconds."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.report.rows import TableSettings, collect_rows
from lcom.report.style import energy_against_time, save
from lcom.report.table2 import collect_lines, collect_panels, csv_text, markdown_text
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "compounds", "results", "csv", "md", "figure", "png").parse_args()
    settings = parse_settings(TableSettings, args.config, "table2")
    results = Path(args.results)
    compounds = [compound.formula for compound in load_compounds(args.compounds, settings.only)]
    rows = collect_rows(results, settings, compounds)
    lines = collect_lines(results, settings, compounds, rows)
    panels = collect_panels(results, settings, compounds, rows, lines)
    write_text(args.csv, csv_text(lines))
    write_text(args.md, markdown_text(lines))
    save(energy_against_time(panels), args.figure, args.png)


if __name__ == "__main__":
    run(main)
