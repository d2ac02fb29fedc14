"""Training crystals -> the starts that need no simulator: one swapped crystal for every compound and seed."""

from __future__ import annotations

from pathlib import Path

from lcom.candidates import Candidate, write_candidate
from lcom.compounds import load_compounds
from lcom.dataset import Dataset, unpack
from lcom.initial import draw
from lcom.seeding import generator
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "train", "compounds", "out-dir")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", required=True, type=int)
    args = parser.parse_args()
    pool = unpack(Dataset.load(args.train).batch)
    for compound in load_compounds(args.compounds, args.only):
        for seed in range(args.seeds):
            try:
                crystal, status, reason = (
                    draw(pool, compound.numbers, generator("swap", seed, compound.formula)),
                    "ok",
                    "",
                )
            except ValueError as error:  # no crystal to swap: recorded, the other compounds go on
                crystal, status, reason = compound.crystal(), "failed", str(error)
            path = Path(args.out_dir) / f"{compound.formula}-{seed}.extxyz"
            write_candidate(path, Candidate(crystal, compound.formula, seed, "start", "dataset", status, reason))


if __name__ == "__main__":
    run(main)
