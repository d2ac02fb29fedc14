"""A compound and a seed -> a random structure, relaxed with GPAW to a local minimum. Killed, it resumes."""

from __future__ import annotations

import dataclasses
import json

from lcom.base.files import write_text
from lcom.base.resume import Records, state
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.compounds import load_compounds
from lcom.dft.child import Died, in_child
from lcom.dft.relax import no_relaxation, relax, trajectory
from lcom.dft.settings import DftSettings
from lcom.stages.common import resumable, run, with_attempts
from lcom.starts.random import random_crystal
from lcom.starts.settings import RandomSettings


def main() -> None:
    parser = with_attempts(resumable(__doc__, "compounds", "compound", "config", "out"))
    parser.add_argument("--seed", required=True, type=int)
    args = parser.parse_args()
    sections = json.loads(args.config)
    draw = parse_settings(RandomSettings, sections["initial"], "initial")
    settings = parse_settings(DftSettings, sections["dft"], "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    settings.check(compound.formula, compound.numbers)

    labels = {"compound": compound.formula, "seed": args.seed, "method": "start", "start": "relaxed"}
    try:
        start = random_crystal(compound.numbers, draw, generator("initial", args.seed, compound.formula))
    except ValueError as error:  # no room: recorded, the other compounds go on
        write_candidate(args.out, Candidate(no_crystal(compound.numbers), status="failed", reason=str(error), **labels))
        return
    with state(args.state, args.code, start.content(), dataclasses.asdict(settings)) as folder:
        try:
            relaxed = in_child(lambda: relax(start, settings, Records(folder / "steps.records"), symmetric=False))
        except Died as death:
            if not args.last:
                raise
            relaxed = no_relaxation(start, str(death))
        write_text(args.out, trajectory(relaxed, labels))


if __name__ == "__main__":
    run(main)
