"""The numbers of a run's Table 1 in short, and what columns gain over others.

    python benchmarks/table.py results/controls lcoms-choice lcoms-sl lcoms_judged-choice_judged

A line a column and start, the most strict first: strict, match, RMSE, within 1 and 20 % (of the compounds, mean over seeds ± deviation),
METRe, cRMSE, median ΔE and seconds a structure without GPAW. Then for each pair of columns, and each start that both have (or one has,
where the other has none), the difference of their strict shares with its 95 % interval by a paired bootstrap (lcom.report.bootstrap).
Columns are named as in the config.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lcom.report.bootstrap import difference
from lcom.report.judge import THRESHOLDS
from lcom.report.methods import Method
from lcom.report.rows import median_delta
from lcom.report.table1 import Column, counts_of

KEPT = ("strict", "match, of", "match, RMSE", "≤ 1 %", "≤ 20 %", "METRe", "cRMSE", "median ΔE")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with table1.csv")
    parser.add_argument("pairs", nargs="*", help="NAME-NAME: the first minus the second")
    args = parser.parse_args()
    rows = pd.read_csv(args.run / "table1.csv", keep_default_na=False, na_values=[""])
    rows = rows[rows.reference.notna()].copy()
    for name in ("strict", "match", *(f"success_{x}" for x in THRESHOLDS)):
        rows[name] = rows[name].astype("boolean").fillna(False).astype(bool)
    columns = [
        Column(str(d), str(s), str(m), Method(str(m), "", "", (str(s),)), own, True)
        for (d, s, m), own in rows.groupby(["dataset", "start", "method"], sort=False)
    ]
    columns.sort(key=lambda column: (-column.rows.strict.mean(), median_delta(column.rows)))
    lines = [line for line in counts_of(columns) if line[0].startswith(KEPT)]
    print("| column | start | " + " | ".join(line[0] for line in lines) + " | seconds |")
    print("|---" * (3 + len(lines)) + "|")
    for place, column in enumerate(columns, start=1):
        taken = column.rows[["seconds_optimise", "seconds_decode"]].sum(axis=1).mean()
        values = [line[place] for line in lines]
        print(f"| {column.label} | {column.start} | " + " | ".join(values) + f" | {taken:.2f} |")
    print("\n| | minus | start | difference |\n|---|---|---|---|")
    for pair in args.pairs:
        one, other = pair.split("-")
        both = [(c, d) for c in columns for d in columns if (c.name, d.name, c.dataset) == (one, other, d.dataset)]
        if not both:
            parser.error(f"{pair}: the table has {', '.join(dict.fromkeys(c.name for c in columns))}")
        same = [(c, d) for c, d in both if c.start == d.start]
        for c, d in same or both:  # a search, or a column from no start, is held against each start
            _, mean, low, high = difference(c.rows, d.rows, "strict")
            print(f"| {one} | {other} | {c.start} | {mean:+.2f} ({low:+.2f} to {high:+.2f}) |")


if __name__ == "__main__":
    main()
