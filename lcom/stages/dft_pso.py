"""A compound and a seed -> the best crystal that a particle swarm finds with GPAW's energies. Killed, it resumes."""

from __future__ import annotations

from lcom.base.resume import state
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.compounds import Compound, load_compounds
from lcom.dft.settings import DftSettings
from lcom.search.dft_pso import EMPTY_ROUNDS, Lowest, dft_pso
from lcom.search.settings import DftSwarmSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import resumable, run


def main() -> None:
    parser = resumable(__doc__, "compounds", "compound", "config", "dft", "out")
    parser.add_argument("--seed", required=True, type=int)
    args = parser.parse_args()
    settings = parse_settings(DftSwarmSettings, args.config, "search")
    dft = parse_settings(DftSettings, args.dft, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    dft.check(compound.formula, compound.numbers)

    space = SearchSpace(compound.numbers, settings.space)
    rng = generator("dft_pso", args.seed, compound.formula)
    with state(args.state, args.code, args.config, args.dft, compound.numbers.tolist()) as folder:
        found = dft_pso(space, settings, dft, folder, rng)
        write_candidate(args.out, _candidate(found, compound, args.seed))


def _candidate(found: Lowest, compound: Compound, seed: int) -> Candidate:
    """The best crystal, or why there is none."""
    labels: dict = {"compound": compound.formula, "seed": seed, "method": "dft_pso", "start": "search"}
    info = {"evaluations": found.evaluations, "seconds": round(found.seconds, 2)}
    if found.crystal is not None:
        return Candidate(found.crystal, info=info | {"energy_per_atom": round(found.energy, 6)}, **labels)
    reason = (
        f"none of {found.evaluations} candidates had an energy"
        if found.evaluations
        else f"the filters rejected every candidate of {EMPTY_ROUNDS} rounds: loosen search.space"
    )
    return Candidate(no_crystal(compound.numbers), status="failed", reason=reason, info=info, **labels)


if __name__ == "__main__":
    run(main)
