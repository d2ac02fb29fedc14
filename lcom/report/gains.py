"""What the descent gains over its start (section 6, Figure 3 of the paper), from the rows of Table 1."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from lcom.report.judge import SUSPICIOUS

METHODS = ("lcoms", "sl")


@dataclass(frozen=True)
class Gain:
    """per_cent: (E(start) - E(found)) / |E(start)|, energies relative to isolated atoms; -inf where what was found has none, or
    one that Table 1 calls suspicious."""

    dataset: str
    start: str
    method: str
    compound: str
    seed: int
    per_cent: float


def read_gains(table: Path) -> list[Gain]:
    """From table1.csv, in its order. Left out: starts without energy, and those above their isolated atoms, where per cent mean nothing."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        keys = [tuple(row[key] for key in ("dataset", "start", "compound", "seed")) for row in rows]
        energies = [float(row["energy"]) if row["energy"] else math.inf for row in rows]
        deltas = [float(row["delta_e_mev"] or "inf") for row in rows]
        begun = {
            key: energy
            for key, row, energy in zip(keys, rows, energies, strict=True)
            if row["method"] == "start" and energy < 0
        }
        return [
            Gain(
                *(row[key] for key in ("dataset", "start", "method", "compound")),
                int(row["seed"]),
                -math.inf if delta < SUSPICIOUS else 100 * (begun[key] - energy) / abs(begun[key]),
            )
            for key, row, energy, delta in zip(keys, rows, energies, deltas, strict=True)
            if row["method"] in METHODS and key in begun
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{table} is not readable ({error!r}); delete it to have it made again") from error
