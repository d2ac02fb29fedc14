"""What the jobs of a run cost, from Snakemake's benchmarks."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pandas as pd

VALUES = ("s", "cpu_time", "max_rss")  # Snakemake's names
COLUMNS = ["rule", "jobs", "seconds", "mean", "longest", "cpu", "memory"]


def read_costs(results: Path) -> pd.DataFrame:
    """Of results/benchmarks/{rule}/*.tsv, a row a rule -> COLUMNS, the longest first: number of jobs, their wall seconds together, on
    average and of the longest, CPU seconds, and the largest memory in MB. What is no benchmark is left out: a kill may tear one."""
    rows = []
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        folder = path.relative_to(results / "benchmarks").parts
        rule = folder[0] if len(folder) > 1 else path.stem
        try:
            with path.open(encoding="utf-8", newline="") as file:
                jobs = [
                    tuple(map(_number, map(job.__getitem__, VALUES))) for job in csv.DictReader(file, delimiter="\t")
                ]
        except (KeyError, ValueError, TypeError, OSError):
            continue
        rows += [(rule, *values) for values in jobs]
    jobs = pd.DataFrame(rows, columns=["rule", *VALUES]).groupby("rule")
    costs = pd.DataFrame(
        {
            "jobs": jobs.size(), "seconds": jobs.s.sum(), "mean": jobs.s.mean(), "longest": jobs.s.max(),
            "cpu": jobs.cpu_time.sum(), "memory": jobs.max_rss.max(),
        }
    )  # fmt: skip
    return costs.reset_index()[COLUMNS].sort_values("seconds", ascending=False, kind="stable")


def _number(text: str) -> float:
    return math.nan if text in ("NA", "-") else float(text)  # of a job that was too short to be looked at
