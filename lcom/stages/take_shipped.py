"""The networks that come with lcom -> the files of a data set of a run, as if it had trained them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from lcom.base.files import whole, write_text
from lcom.base.spreadsheets import plain
from lcom.data.compact import read_compact
from lcom.data.sets import packed_parts
from lcom.data.shipped import FOLDER, PAGE, checked_card
from lcom.data.table import from_arrow
from lcom.prediction.run_folder import CRYSTALS
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "crystals", "report", "split", "train", "val", "networks").parse_args()
    card = checked_card()
    table, part = read_compact(FOLDER / CRYSTALS)
    crystals = from_arrow(table)
    with whole(args.crystals) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    for data, path in zip(packed_parts(crystals, part), (args.train, args.val), strict=True):
        data.save(path)
    rows = {"id": [plain(id) for id in crystals.ids], "formula": crystals.formulas, "part": part, "reason": ""}
    with whole(args.split) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
    out = Path(args.networks)
    for name in card["files"]:
        if "/" in name:  # a network
            with whole(out / name) as temporary:
                shutil.copyfile(FOLDER / name, temporary)
    write_text(args.report, (FOLDER / PAGE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
