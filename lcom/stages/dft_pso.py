"""Compounds -> for each seed the best crystal that a particle swarm finds with GPAW's energies. Killed, it resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lcom.base.lock import at_work_on
from lcom.base.resume import digest
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.compounds import Compound, load_compounds
from lcom.dft.child import in_children
from lcom.dft.gpaw import load_gpaw
from lcom.dft.settings import DftSettings
from lcom.search.dft_pso import EMPTY_ROUNDS, Lowest, dft_pso
from lcom.search.settings import DftSwarmSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import options, run, with_cache


def main() -> None:
    parser = with_cache(options(__doc__, "compounds", "config", "dft", "out"))
    parser.add_argument("--only", required=True, nargs="+")
    parser.add_argument("--seeds", required=True, type=int)
    args = parser.parse_args()
    settings = parse_settings(DftSwarmSettings, args.config, "search")
    dft = parse_settings(DftSettings, args.dft, "dft")
    compounds = {compound.formula: compound for compound in load_compounds(args.compounds, args.only)}
    for compound in compounds.values():
        dft.check(compound.formula, compound.numbers)
    load_gpaw()

    def search(compound: Compound, seed: int) -> Lowest:
        name = digest(args.code, args.config, args.dft, compound.numbers.tolist(), compound.formula, seed)
        rng = generator("dft_pso", seed, compound.formula)
        with at_work_on(folder := Path(args.cache) / "dft_pso" / name):
            return dft_pso(SearchSpace(compound.numbers, settings.space), settings, dft, folder, rng)

    def tasks() -> Iterator[tuple[tuple[str, int], Callable[[], Lowest]]]:
        for compound in compounds.values():
            for seed in range(args.seeds):
                yield (compound.formula, seed), partial(search, compound, seed)

    found: dict[tuple[str, int], Lowest] = {}
    for key, answer in in_children(tasks(), args.workers):
        if isinstance(answer, Exception):  # a GPAW that died, too: all energies so far are kept
            raise answer
        found[key] = answer
    candidates = [
        _candidate(found[name, seed], compounds[name], seed) for name in compounds for seed in range(args.seeds)
    ]
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
