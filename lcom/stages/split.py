"""crystals.parquet -> packed training and validation sets, and what was held out and why."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import torch

from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.dataset import Dataset, pack
from lcom.elements import MAX_Z
from lcom.files import write_text
from lcom.settings import parse_settings
from lcom.split import SplitSettings, energy_above, split
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "crystals", "compounds", "config", "train", "val", "report").parse_args()
    settings = parse_settings(SplitSettings, args.config, "data")

    table = pd.read_parquet(args.crystals)
    crystals = [
        Crystal(np.array(n), np.array(f).reshape(-1, 3), np.array(c).reshape(3, 3))
        for n, f, c in zip(table["numbers"], table["frac_coords"], table["lattice"], strict=True)
    ]
    heavy = [i for i, c in zip(table["id"], crystals, strict=True) if c.numbers.max() > MAX_Z]
    if heavy:
        raise ValueError(f"{args.crystals}: {len(heavy)} crystals with elements beyond Z = {MAX_Z}, e.g. {heavy[0]}")
    parts = split(crystals, [c.crystal() for c in load_compounds(args.compounds)], settings)
    above = energy_above(crystals, table["energy"].to_numpy(), (parts["part"] != "heldout").to_numpy())
    for part, path in (("train", args.train), ("val", args.val)):
        rows = np.flatnonzero(parts["part"] == part)
        Dataset(
            [str(table["id"].iloc[i]) for i in rows],
            pack([crystals[i] for i in rows]),
            torch.tensor(table["formation_energy"].to_numpy()[rows], dtype=torch.float32),
            torch.tensor(above[rows], dtype=torch.float32),
        ).save(path)
    report = io.StringIO()
    pd.concat([table[["id", "formula"]], parts], axis=1).to_csv(report, index=False)
    write_text(args.report, report.getvalue())
    print(parts.groupby(["part", "reason"]).size().to_string())


if __name__ == "__main__":
    run(main)
