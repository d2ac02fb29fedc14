"""Starts of unseen compositions and what descents made of them -> what they gain, by CHGNet's energies of the crystals as they are."""

from __future__ import annotations

import math

import pandas as pd
import torch

from lcom.base.files import write_text
from lcom.candidates import read_candidates
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import energies
from lcom.physical import unphysical
from lcom.report.gains import UNSEEN, unseen_gains
from lcom.report.rows import csv_text
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "dataset", "known", "starts", "out")
    parser.add_argument("--found", required=True, nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(1)
    candidates = [candidate for file in (args.known, args.starts, *args.found) for candidate in read_candidates(file)]
    rows = pd.DataFrame(
        [(args.dataset, c.start, c.method, c.compound, c.seed, math.nan) for c in candidates], columns=UNSEEN
    )
    sound = [i for i, c in enumerate(candidates) if c.status == "ok" and not unphysical(c.crystal)]
    rows.loc[sound, "energy"] = energies([candidates[i].crystal for i in sound], Potential())
    write_text(args.out, csv_text(unseen_gains(rows)))


if __name__ == "__main__":
    run(main)
