"""Energies of all structures and references -> table1.csv and table1.md."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.report.made_with import made_with
from lcom.report.rows import TableSettings, collect_rows, csv_text
from lcom.report.table1 import markdown_text
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "config", "compounds", "results", "csv", "md").parse_args()
    settings = parse_settings(TableSettings, args.config, "table1")
    compounds = [compound.formula for compound in load_compounds(args.compounds, settings.only)]
    results = Path(args.results)
    rows = collect_rows(results, settings, compounds)
    write_text(args.csv, csv_text(rows))
    write_text(args.md, f"{markdown_text(rows, settings.methods)}\n{made_with(results)}")


if __name__ == "__main__":
    run(main)
