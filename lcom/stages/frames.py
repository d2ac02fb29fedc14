"""The crystals off the minima of an embedded set -> packed sets of those whose compositions train, and of those that validate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lcom.data.pack import pack_rows
from lcom.data.sources.shards import formation_offsets, read_frames
from lcom.data.table import Crystals, from_arrow, read_crystals, row, to_arrow
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "sets", "crystals", "split", "max-atoms", "train", "val")
    args = parser.parse_args()
    crystals = read_crystals(args.crystals)
    parts = pd.read_csv(args.split).part.to_numpy()
    taken = [read(path, level, int(args.max_atoms)) for level, path in json.loads(args.sets).items()]
    frames = from_arrow(to_arrow([row for rows in taken for row in rows]))
    part, above = placed(frames, crystals, parts)
    levels = pd.unique(crystals.levels)
    for name, path in (("train", args.train), ("val", args.val)):
        rows = np.flatnonzero(part == name)
        pack_rows(frames, rows, above, levels).save(path)
        print(f"{name}: {len(rows)} crystals off the minima of {len(set(frames.formulas[rows]))} compositions")


def read(folder: str, level: str, max_atoms: int) -> list[dict]:
    """The frames of a folder as rows of a table of crystals."""
    offsets = formation_offsets(Path(folder))
    return [
        row(
            f"{frame.formula}-{frame.prototype}-{frame.stage}-{i}",
            frame.crystal,
            frame.energy + offsets[frame.formula],
            "frames",
            level,
        )
        for i, frame in enumerate(read_frames(Path(folder)))
        if len(frame.crystal) <= max_atoms
    ]


def placed(frames: Crystals, crystals: Crystals, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame its part and its energy above the lowest crystal of its composition there, eV/atom.

    The part is train or val, or empty for a composition that is not in the table or of which a crystal is held out.
    """
    known = pd.DataFrame({"key": keys(crystals), "part": parts, "energy": crystals.formation_energy})
    of = known.groupby("key").agg(
        parts=("part", lambda p: p.iloc[0] if p.nunique() == 1 else ""), low=("energy", "min")
    )
    found = of.reindex(keys(frames))
    part = found.parts.fillna("").to_numpy()
    return np.where(np.isin(part, ("train", "val")), part, ""), frames.formation_energy - found.low.to_numpy()


def keys(crystals: Crystals) -> list[tuple[str, str]]:
    """Formula and level of theory."""
    return list(zip(crystals.formulas.tolist(), crystals.levels.tolist(), strict=True))


if __name__ == "__main__":
    run(main)
