"""The crystals off the minima of an embedded set -> packed sets of those whose compositions train, and of those that validate."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lcom.data.off_minimum import OffMinimum
from lcom.data.pack import pack_rows
from lcom.data.packed import Dataset
from lcom.data.sources.shards import formation_offsets, read_frames
from lcom.data.table import Crystals, from_arrow, read_crystals, row, to_arrow
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "sets", "crystals", "split", "max-atoms", "train", "val")
    args = parser.parse_args()
    crystals = read_crystals(args.crystals)
    parts = pd.read_csv(args.split).part.to_numpy()
    sets = json.loads(args.sets).items()
    taken = [pair for level, path in sets for pair in read(path, level, int(args.max_atoms))]
    frames = from_arrow(to_arrow([of_table for _, of_table in taken]))
    part, above = placed(frames, crystals, parts)
    levels = pd.unique(crystals.levels)
    for name, path in (("train", args.train), ("val", args.val)):
        rows = np.flatnonzero(part == name)
        with_slopes(pack_rows(frames, rows, above, levels), [taken[i][0] for i in rows]).save(path)
        print(f"{name}: {len(rows)} crystals off the minima of {len(set(frames.formulas[rows]))} compositions")


def read(folder: str, level: str, max_atoms: int) -> list[tuple[OffMinimum, dict]]:
    """The frames of a folder, each with its row of a table of crystals."""
    offsets = formation_offsets(Path(folder))
    return [
        (
            frame,
            row(
                f"{frame.formula}-{frame.prototype}-{frame.stage}-{i}",
                frame.crystal,
                frame.energy + offsets[frame.formula],
                "frames",
                level,
            ),
        )
        for i, frame in enumerate(read_frames(Path(folder)))
        if len(frame.crystal) <= max_atoms
    ]


def with_slopes(data: Dataset, frames: list[OffMinimum]) -> Dataset:
    """The data set, made of these frames in their order, with their forces and virials."""
    forces = torch.tensor(np.concatenate([np.zeros((0, 3)), *(f.forces for f in frames)]), dtype=torch.float32)
    virials = [f.stress * f.crystal.volume for f in frames]
    virial = torch.tensor(np.array(virials).reshape(-1, 3, 3), dtype=torch.float32)
    return dataclasses.replace(data, batch=dataclasses.replace(data.batch, forces=forces, virial=virial))


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
