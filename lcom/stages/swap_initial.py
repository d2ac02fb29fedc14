"""Training crystals -> the starts that need no simulator: one swapped crystal for every compound and seed."""

from __future__ import annotations

from pathlib import Path

from lcom.base.seeding import generator
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.stages.common import options, run
from lcom.starts.swapped import draw, fitting


def main() -> None:
    parser = options(__doc__, "train", "compounds", "out-dir")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", required=True, type=int)
    args = parser.parse_args()
    pool = Dataset.load(args.train).batch
    for compound in load_compounds(args.compounds, args.only):
        candidates = fitting(pool, compound.numbers)
        for seed in range(args.seeds):
            rng = generator("swap", seed, compound.formula)
            try:
                crystal, status, reason = draw(pool, candidates, compound.numbers, rng), "ok", ""
            except ValueError as error:  # no crystal to swap: recorded, the other compounds go on
                crystal, status, reason = no_crystal(compound.numbers), "failed", str(error)
            path = Path(args.out_dir) / f"{compound.formula}-{seed}.extxyz"
            write_candidate(path, Candidate(crystal, compound.formula, seed, "start", "dataset", status, reason))


if __name__ == "__main__":
    run(main)
