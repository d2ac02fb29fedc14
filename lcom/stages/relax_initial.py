"""Compounds -> for each seed a random structure, relaxed with GPAW to a local minimum. Killed, it resumes."""

from __future__ import annotations

import json
from pathlib import Path

from lcom.base.files import write_text
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, candidate_text, no_crystal
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.dft.relax import trajectory
from lcom.dft.relaxations import Steps, relaxations
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run, with_attempts, with_cache
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings


def main() -> None:
    parser = with_cache(with_attempts(options(__doc__, "compounds", "config", "out")))
    parser.add_argument("--only", required=True, nargs="+")
    parser.add_argument("--seeds", required=True, type=int)
    args = parser.parse_args()
    sections = json.loads(args.config)
    draw = parse_settings(RandomSettings, sections["initial"], "initial")
    settings = parse_settings(DftSettings, sections["dft"], "dft")
    starts: dict[tuple[str, int], Crystal] = {}
    texts: dict[tuple[str, int], str] = {}
    for compound in load_compounds(args.compounds, args.only):
        settings.check(compound.formula, compound.numbers)
        for seed in range(args.seeds):
            key, rng = (compound.formula, seed), generator("initial", seed, compound.formula)
            try:
                starts[key] = random_crystal(compound.numbers, draw, rng)
                texts[key] = ""  # keeps its place
            except ValueError as error:  # no room: recorded, the other compounds go on
                lost = Candidate(no_crystal(compound.numbers), *key, "start", "relaxed", "failed", str(error))
                texts[key] = candidate_text(lost)
    steps = Steps(Path(args.cache) / "relaxations", args.code)
    found = relaxations(starts, settings, steps, args.workers, symmetric=False, last=bool(args.last))
    for (formula, seed), relaxed in found.items():
        labels = {"compound": formula, "seed": seed, "method": "start", "start": "relaxed"}
        texts[formula, seed] = trajectory(relaxed, labels)
    write_text(args.out, "".join(texts.values()))


if __name__ == "__main__":
    run(main)
