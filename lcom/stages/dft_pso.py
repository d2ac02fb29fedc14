"""Compounds -> for each seed the best crystal that a particle swarm finds with GPAW's energies. Killed, it resumes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lcom.base.lock import at_work_on
from lcom.base.resume import digest
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.compounds import Compound, load_compounds
from lcom.dft.child import Died, Stopped, in_children
from lcom.dft.gpaw import load_gpaw
from lcom.dft.settings import DftSettings
from lcom.search.dft_pso import EMPTY_ROUNDS, Lowest, dft_pso, without_energy
from lcom.search.settings import DftSwarmSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import options, run, with_attempts, with_cache


def main() -> None:
    parser = with_attempts(with_cache(options(__doc__, "compounds", "config", "dft", "out")))
    parser.add_argument("--only", required=True, nargs="+")
    parser.add_argument("--seeds", required=True, type=int)
    args = parser.parse_args()
    settings = parse_settings(DftSwarmSettings, args.config, "search")
    dft = parse_settings(DftSettings, args.dft, "dft")
    compounds = {compound.formula: compound for compound in load_compounds(args.compounds, args.only)}
    for compound in compounds.values():
        dft.check(compound.formula, compound.numbers)
    load_gpaw()

    def folder(compound: Compound, seed: int) -> Path:
        name = digest(args.code, args.config, args.dft, compound.numbers.tolist(), compound.formula, seed)
        return Path(args.cache) / "dft_pso" / name

    def search(compound: Compound, seed: int) -> Lowest:
        rng = generator("dft_pso", seed, compound.formula)
        with at_work_on(state := folder(compound, seed)):
            return dft_pso(SearchSpace(compound.numbers, settings.space), settings, dft, state, rng)

    found: dict[tuple[str, int], Lowest] = {}
    searches = [(name, seed) for name in compounds for seed in range(args.seeds)]
    while left := [key for key in searches if key not in found]:
        tasks = ((key, partial(search, compounds[key[0]], key[1])) for key in left)
        for (name, seed), answer in in_children(tasks, args.workers):
            if isinstance(answer, Died) and not isinstance(answer, Stopped) and args.last:
                # of one candidate: the search goes on after it, in the next round
                without_energy(folder(compounds[name], seed), str(answer))
            elif isinstance(answer, Exception):  # all energies so far are kept
                raise answer
            else:
                found[name, seed] = answer
    candidates = [_candidate(found[name, seed], compounds[name], seed) for name, seed in searches]
    write_cifs(Path(args.out).with_suffix(".cif"), candidates)
    write_candidates(args.out, candidates)


def _candidate(found: Lowest, compound: Compound, seed: int) -> Candidate:
    """The best crystal, or why there is none."""
    labels = Labels(compound=compound.formula, seed=seed, method="dft_pso", start="search")
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
