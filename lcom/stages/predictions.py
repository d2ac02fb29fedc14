"""Structures of a formula and their energies -> predictions/<formula>.csv and .md."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_text
from lcom.prediction.table import collect, markdown_text
from lcom.report.rows import csv_text
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "formula", "energies", "csv", "md")
    parser.add_argument("--structures", required=True, nargs="+", type=Path)
    args = parser.parse_args()
    rows = collect(args.formula, args.structures, Path(args.energies))
    write_text(args.csv, csv_text(rows))
    write_text(args.md, text := markdown_text(args.formula, rows))
    print(text)


if __name__ == "__main__":
    run(main)
