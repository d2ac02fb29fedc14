"""Energies of all structures and references -> table1.csv and table1.md."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.report.rows import TableSettings, collect_rows, csv_text
from lcom.report.table1 import markdown_text
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "compounds", "results", "csv", "md").parse_args()
    settings = parse_settings(TableSettings, args.config, "table1")
    compounds = [compound.formula for compound in load_compounds(args.compounds, settings.only, build=False)]
    rows = collect_rows(Path(args.results), settings, compounds)
    write_text(args.csv, csv_text(rows))
    write_text(args.md, markdown_text(rows, settings.methods, settings.judge))


if __name__ == "__main__":
    run(main)
