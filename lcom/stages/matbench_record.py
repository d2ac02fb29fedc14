"""Energies of all folds -> MatBench's record, and its scores as a table."""

from __future__ import annotations

import json
from pathlib import Path

from lcom.base.files import write_json, write_text
from lcom.data.packed import Dataset
from lcom.report.markdown import markdown_table
from lcom.search.matbench_folds import record
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "out", "table")
    for name, text in (("tests", "test sets"), ("predictions", "their energies")):
        parser.add_argument(f"--{name}", required=True, nargs="+", help=f"{text} of all folds, in their order")
    for name in ("config", "max-atoms"):
        parser.add_argument(f"--{name}", required=True, help="of the models, for the record")
    args = parser.parse_args()
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in args.predictions]
    said = {"settings": args.config, "max_atoms_in_training": int(args.max_atoms)}
    made, scores = record([Dataset.load(path) for path in args.tests], [one["energies"] for one in found], said)
    write_json(args.out, made)
    head = ["fold", "MAE, eV/atom", "RMSE", "MAE of the mean"]
    lines = [
        [f"{int(row.pop('fold'))}", *(f"{value:.4f}" for value in row.values())] for row in scores.to_dict("records")
    ]
    summary = [f"{mean:.4f} ± {deviation:.4f}" for mean, deviation in zip(scores.mean(), scores.std(), strict=True)]
    text = markdown_table([head, *lines, ["all", *summary[1:]]])
    write_text(
        args.table,
        f"{text}\n\nMatBench's official folds of `matbench_mp_e_form`, scored by the package matbench; all: mean ± standard deviation over "
        "the folds.\nThe mean: of the rows to train on, for every crystal; it has learned nothing.\n",
    )


if __name__ == "__main__":
    run(main)
