"""crystals.parquet -> packed training and validation sets, and what was held out and why."""

from __future__ import annotations

import pandas as pd

from lcom.base.files import whole
from lcom.base.settings import parse_settings
from lcom.base.spreadsheets import plain
from lcom.compounds import load_compounds
from lcom.data.sets import packed_parts
from lcom.data.settings import SplitSettings
from lcom.data.split import split
from lcom.data.table import read_crystals
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
    for data, path in zip(packed_parts(crystals, parts["part"].to_numpy()), (args.train, args.val), strict=True):
        data.save(path)
    report = pd.concat(
        [pd.DataFrame({"id": [plain(id) for id in crystals.ids], "formula": crystals.formulas}), parts], axis=1
    )
    with whole(args.report) as temporary:
        report.to_csv(temporary, index=False)
    print(parts.groupby(["part", "reason"]).size().to_string())


if __name__ == "__main__":
    run(main)
