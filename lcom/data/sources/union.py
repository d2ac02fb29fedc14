"""Several data sets as one: every crystal keeps the name of its set in its id, and its level of theory.

Energies of different levels are never compared: of a crystal that two levels have both stay; of one level, as two releases of
a database are, the lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.base.files import whole
from lcom.data.sources.clean import DUPLICATE, Log, Losses
from lcom.data.sources.entries import Rejected
from lcom.data.sources.repeated import repeated


def unite(tables: Mapping[str, Path], workers: int, out: Path, rejected: Path) -> Losses:
    """Write the clean data sets ``tables`` (name -> crystals.parquet) as one, and a CSV of the crystals that were there twice."""
    parts, levels, losses = [], [], Losses()
    for name, path in tables.items():
        table = pq.read_table(path, page_checksum_verification=True)
        ids = pa.array([f"{name}/{id}" for id in table["id"].to_pylist()], pa.string())
        parts.append(table.set_column(0, "id", ids))
        levels.append(set(table["level"].unique().to_pylist()))
    table = pa.concat_tables(parts)
    losses.read = len(table)
    keep = np.ones(len(table), dtype=bool)
    shared = {level for level in set().union(*levels) if sum(level in found for found in levels) > 1}
    if shared:  # else each set has dropped its own
        rows = np.flatnonzero(np.isin(table["level"].to_numpy().astype(str), sorted(shared)))
        keep[rows[repeated(table.take(pa.array(rows)), workers)]] = False
    with whole(rejected) as lost, whole(out) as kept:
        with lost.open("w", encoding="utf-8", newline="") as file:
            log = Log(file, losses)
            for id in table["id"].filter(pa.array(~keep)).to_pylist():
                log(Rejected(id, DUPLICATE, "the same crystal is there with a lower energy"))
        pq.write_table(table.filter(pa.array(keep)), kept, compression="zstd", write_page_checksum=True)
    losses.kept = int(keep.sum())
    return losses
