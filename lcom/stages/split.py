"""crystals.parquet -> packed training and validation sets, and what was held out and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lcom.base.files import whole
from lcom.base.settings import parse_settings
from lcom.base.spreadsheets import plain
from lcom.compounds import load_compounds
from lcom.data.pack import pack_rows
from lcom.data.settings import SplitSettings
from lcom.data.split import energy_above, split
from lcom.data.table import read_crystals
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "crystals", "compounds", "config", "train", "val", "report").parse_args()
    settings = parse_settings(SplitSettings, args.config, "data")

    crystals = read_crystals(args.crystals)
    parts = split(
        crystals, [known.crystal() for compound in load_compounds(args.compounds) for known in compound.known], settings
    )
    above = energy_above(crystals, (parts["part"] != "heldout").to_numpy())
    levels = pd.unique(crystals.levels)  # the same for all parts
    for part, path in (("train", args.train), ("val", args.val)):
        pack_rows(crystals, np.flatnonzero(parts["part"] == part), above, levels).save(path)
    report = pd.concat(
        [pd.DataFrame({"id": [plain(id) for id in crystals.ids], "formula": crystals.formulas}), parts], axis=1
    )
    with whole(args.report) as temporary:
        report.to_csv(temporary, index=False)
    print(parts.groupby(["part", "reason"]).size().to_string())


if __name__ == "__main__":
    run(main)
