"""What the descent gains over its start (section 6, Figure 3 of the paper), from the rows of Table 1."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

METHODS = ("lcoms", "sl")


@dataclass(frozen=True)
class Gain:
    """per_cent: (E(start) - E(found)) / |E(start)|, energies relative to isolated atoms; -inf where nothing was found that has one."""

    dataset: str
    start: str
    method: str
    compound: str
    seed: int
    per_cent: float


def read_gains(table: Path) -> list[Gain]:
    """From table1.csv, in its order. A start without energy is left out: there is nothing to compare with."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        keys = [tuple(row[key] for key in ("dataset", "start", "compound", "seed")) for row in rows]
        begun = {
            key: float(row["energy"])
            for key, row in zip(keys, rows, strict=True)
            if row["method"] == "start" and row["energy"]
        }
        return [
            Gain(
                *(row[key] for key in ("dataset", "start", "method", "compound")),
                int(row["seed"]),
                100 * (begun[key] - float(row["energy"])) / abs(begun[key]) if row["energy"] else -math.inf,
            )
            for key, row in zip(keys, rows, strict=True)
            if row["method"] in METHODS and key in begun
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{table} is not readable ({error!r}); delete it to have it made again") from error
