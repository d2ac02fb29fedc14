"""crystals.parquet -> packed training and validation sets, and what was held out and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from lcom.base.files import whole
from lcom.base.settings import parse_settings
from lcom.base.spreadsheets import plain
from lcom.batch import Batch
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.data.settings import SplitSettings
from lcom.data.split import energy_above, split
from lcom.data.table import Crystals, read_crystals
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "crystals", "compounds", "config", "train", "val", "report")
    parser.add_argument("--heldout", nargs="*", default=[], help="further tables, whose formulas are held out")
    args = parser.parse_args()
    settings = parse_settings(SplitSettings, args.config, "data")

    crystals = read_crystals(args.crystals)
    known = [known.crystal() for compound in load_compounds(args.compounds) for known in compound.known]
    further = [compound.numbers for table in args.heldout for compound in load_compounds(table)]
    parts = split(crystals, known, settings, further)
    above = energy_above(crystals, (parts["part"] != "heldout").to_numpy())
    for part, path in (("train", args.train), ("val", args.val)):
        packed(crystals, np.flatnonzero(parts["part"] == part), above).save(path)
    report = pd.concat(
        [pd.DataFrame({"id": [plain(id) for id in crystals.ids], "formula": crystals.formulas}), parts], axis=1
    )
    with whole(args.report) as temporary:
        report.to_csv(temporary, index=False)
    print(parts.groupby(["part", "reason"]).size().to_string())


def packed(crystals: Crystals, rows: np.ndarray, above: np.ndarray) -> Dataset:
    """The crystals ``rows`` as a data set; above [B]: energies above the lowest of each composition."""
    atoms = crystals.atoms_of(rows)
    batch = Batch(
        torch.tensor(crystals.numbers[atoms]),
        torch.tensor(crystals.frac_coords[atoms], dtype=torch.float32),
        torch.tensor(crystals.lattice[rows], dtype=torch.float32),
        torch.tensor(crystals.n_atoms[rows]),
    )
    energy = torch.tensor(crystals.formation_energy[rows], dtype=torch.float32)
    above = torch.tensor(above[rows], dtype=torch.float32)
    code, levels = pd.factorize(crystals.levels)  # the same for all parts
    return Dataset(crystals.ids[rows].tolist(), batch, energy, above, torch.tensor(code[rows]), levels.tolist())


if __name__ == "__main__":
    run(main)
