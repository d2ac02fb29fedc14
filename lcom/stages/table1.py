"""Energies of all structures and references -> table1.csv and table1.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lcom.compounds import load_compounds
from lcom.files import write_text
from lcom.report import collect_rows, csv_text, markdown_text
from lcom.settings import parse_settings
from lcom.stages.common import options, run


@dataclass(frozen=True)
class Table1Settings:
    """What the table covers: data sets in the order of its columns, number of seeds, formulas (empty: all)."""

    datasets: list
    seeds: int
    only: list = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.datasets or self.seeds < 1:
            raise ValueError("config: Table 1 needs at least one of `datasets` and one of `seeds`")


def main() -> None:
    args = options(__doc__, "config", "compounds", "results", "csv", "md").parse_args()
    settings = parse_settings(Table1Settings, args.config, "table1")
    compounds = [compound.formula for compound in load_compounds(args.compounds, settings.only)]
    rows = collect_rows(Path(args.results), settings.datasets, compounds, settings.seeds)
    write_text(args.csv, csv_text(rows))
    write_text(args.md, markdown_text(rows))


if __name__ == "__main__":
    run(main)
