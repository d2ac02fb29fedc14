"""Training crystals -> the starts that need no simulator: one swapped crystal for every compound and seed."""

from __future__ import annotations

import typing

from lcom.base.seeding import generator
from lcom.candidates import Candidate, no_crystal, write_candidates
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.stages.common import options, run
from lcom.starts.settings import Draw
from lcom.starts.swapped import draw, drawn_from
from lcom.starts.volume import fit_volumes


def main() -> None:
    parser = options(__doc__, "train", "compounds", "out")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", required=True, type=int)
    parser.add_argument("--draw", required=True, choices=typing.get_args(Draw))
    args = parser.parse_args()
    data = Dataset.load(args.train)
    pool, volumes = data.batch, fit_volumes(data.batch)
    starts = []
    for compound in load_compounds(args.compounds, args.only):
        candidates = drawn_from(data, compound.numbers, args.draw)
        for seed in range(args.seeds):
            rng = generator("swap", seed, compound.formula)
            try:
                crystal, status, reason = draw(pool, candidates, compound.numbers, volumes, rng), "ok", ""
            except ValueError as error:  # no crystal to swap: recorded, the other compounds go on
                crystal, status, reason = no_crystal(compound.numbers), "failed", str(error)
            starts.append(Candidate(crystal, compound.formula, seed, "start", "dataset", status, reason))
    write_candidates(args.out, starts)


if __name__ == "__main__":
    run(main)
