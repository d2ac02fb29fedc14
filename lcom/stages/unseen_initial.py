"""Validation compositions -> their lowest known crystals, and a swapped training crystal as the start for each and every seed."""

from __future__ import annotations

import typing

from lcom.base.seeding import generator
from lcom.candidates import Candidate, write_candidates
from lcom.data.packed import Dataset
from lcom.stages.common import options, run
from lcom.starts.settings import Draw
from lcom.starts.swapped import draw, drawn_from
from lcom.starts.unseen import unseen
from lcom.starts.volume import fit_volumes


def main() -> None:
    parser = options(__doc__, "train", "val", "known", "out")
    for name in ("count", "seeds"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--draw", required=True, choices=typing.get_args(Draw))
    args = parser.parse_args()
    train, val = Dataset.load(args.train), Dataset.load(args.val)
    volumes, starts = fit_volumes(train.batch), []
    chosen = unseen(train, val, args.count)
    for formula, known in chosen.items():
        rows = drawn_from(train, known.numbers, args.draw)
        for seed in range(args.seeds):
            rng = generator("unseen", seed, formula)
            crystal = draw(train.batch, rows, known.numbers, volumes, rng)
            starts.append(Candidate(crystal, formula, seed, "start", "dataset"))
    if not starts:
        raise ValueError(
            f"{args.val}: no composition of it has atoms that fit a training crystal: set figures.unseen to 0, or add crystals"
        )
    write_candidates(args.known, [Candidate(known, name, 0, "known", "none") for name, known in chosen.items()])
    write_candidates(args.out, starts)


if __name__ == "__main__":
    run(main)
