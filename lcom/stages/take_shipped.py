"""The networks that come with lcom -> the files of a data set of a run, as if it had trained them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from lcom.base.files import whole, write_text
from lcom.base.spreadsheets import plain
from lcom.base.tensors import load_tensors, save_tensors
from lcom.cdvae.model import CDVAE
from lcom.data.compact import read_compact
from lcom.data.packed import Dataset
from lcom.data.sets import packed_parts
from lcom.data.shipped import FOLDER, PAGE, checked_card
from lcom.data.table import from_arrow
from lcom.prediction.run_folder import CDVAE_FILE, CRYSTALS, LATENTS
from lcom.stages.common import options, run
from lcom.surrogate.targets import excess


def main() -> None:
    args = options(__doc__, "crystals", "report", "split", "train", "val", "latents", "networks").parse_args()
    card = checked_card()
    table, part = read_compact(FOLDER / CRYSTALS)
    crystals = from_arrow(table)
    with whole(args.crystals) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    train, val = packed_parts(crystals, part)
    train.save(args.train)
    val.save(args.val)
    rows = {"id": [plain(id) for id in crystals.ids], "formula": crystals.formulas, "part": part, "reason": ""}
    with whole(args.split) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
    write_latents(args.latents, train, val)
    out = Path(args.networks)
    for name in card["files"]:
        if "/" in name:  # a network
            with whole(out / name) as temporary:
                shutil.copyfile(FOLDER / name, temporary)
    write_text(args.report, (FOLDER / PAGE).read_text(encoding="utf-8"))


def write_latents(path: str, train: Dataset, val: Dataset) -> None:
    """What the stage encode writes, of latents that are there."""
    known, _ = load_tensors(FOLDER / LATENTS)
    model, tensors = CDVAE.load(FOLDER / CDVAE_FILE), {}
    for name, data in (("train", train), ("val", val)):
        tensors[f"{name}_z"], tensors[f"{name}_c"] = known[f"{name}_z"].float(), model.composition(data.batch)
        tensors[f"{name}_formation_energy"], tensors[f"{name}_energy_above"] = data.formation_energy, data.energy_above
    tensors["train_excess"], tensors["val_excess"] = excess(train, val, tensors["train_c"], tensors["val_c"])
    save_tensors(path, tensors, {"ids": {"train": train.ids, "val": val.ids}})


if __name__ == "__main__":
    run(main)
