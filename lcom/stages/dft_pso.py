"""A compound and a seed -> the best crystal that a particle swarm finds with GPAW's energies. Killed, it resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.compounds import load_compounds
from lcom.dft.settings import DftSettings
from lcom.search.dft_pso import EMPTY_ROUNDS, dft_pso
from lcom.search.settings import DftSwarmSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import options, run


def main() -> None:
    parser = options(__doc__, "compounds", "compound", "config", "dft", "out", "state")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--code", default="", help="digest of the code: energies that another one found are not taken")
    args = parser.parse_args()
    settings = parse_settings(DftSwarmSettings, args.config, "search")
    dft = parse_settings(DftSettings, args.dft, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    dft.check(compound.formula, compound.numbers)

    what = json.dumps([args.code, args.config, args.dft, compound.numbers.tolist()])
    state = Path(args.state) / hashlib.sha256(what.encode()).hexdigest()[:16]
    space = SearchSpace(compound.numbers, settings.space)
    rng = generator("dft_pso", args.seed, compound.formula)
    found = dft_pso(space, settings, dft, state, rng)
    labels: dict = {"compound": compound.formula, "seed": args.seed, "method": "dft_pso", "start": "search"}
    info = {"evaluations": found.evaluations, "seconds": round(found.seconds, 2)}
    if found.crystal is None:
        placeholder = no_crystal(compound.numbers)
        reason = (
            f"none of {found.evaluations} candidates had an energy"
            if found.evaluations
            else f"the filters rejected every candidate of {EMPTY_ROUNDS} rounds: loosen search.space"
        )
        candidate = Candidate(placeholder, status="failed", reason=reason, info=info, **labels)
    else:
        info["energy_per_atom"] = round(found.energy, 6)
        candidate = Candidate(found.crystal, info=info, **labels)
    write_candidate(args.out, candidate)
    shutil.rmtree(args.state, ignore_errors=True)  # no energy, no tape


if __name__ == "__main__":
    run(main)
