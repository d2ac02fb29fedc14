"""Starts of unseen compositions and what descents made of them -> what they gain, by CHGNet's energies of the crystals as they are."""

from __future__ import annotations

import math

import pandas as pd
import torch

from lcom.base.files import write_text
from lcom.candidates import Candidate, read_candidates
from lcom.data.generator.potential import Potential, UnphysicalCrystal
from lcom.physical import unphysical
from lcom.report.gains import UNSEEN, unseen_gains
from lcom.report.rows import csv_text
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "dataset", "known", "starts", "out")
    parser.add_argument("--found", required=True, nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(1)
    potential = Potential()
    candidates = [candidate for file in (args.known, args.starts, *args.found) for candidate in read_candidates(file)]
    rows = [(args.dataset, c.start, c.method, c.compound, c.seed, energy(potential, c)) for c in candidates]
    write_text(args.out, csv_text(unseen_gains(pd.DataFrame(rows, columns=UNSEEN))))


def energy(potential: Potential, candidate: Candidate) -> float:
    """eV/atom; nan where there is no crystal, or none that a potential should see."""
    if candidate.status != "ok" or unphysical(candidate.crystal):
        return math.nan
    try:
        return potential([candidate.crystal])[0].energy
    except UnphysicalCrystal:  # too skewed
        return math.nan


if __name__ == "__main__":
    run(main)
