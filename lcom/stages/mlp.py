"""Symmetric random structures relaxed by CHGNet, the lowest for every compound and seed: no training. Killed, it resumes."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from lcom.base.files import write_result
from lcom.base.parallel import ordered_map
from lcom.base.resume import Records, fingerprint, state
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.search.relaxed_random import LowestRelaxed, lowest_relaxed
from lcom.search.settings import SpaceSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import resumable, run

Task = tuple[str, int, np.ndarray]  # formula, seed, atomic numbers


def main() -> None:
    parser = resumable(__doc__, "method", "compounds", "config", "out", "timing")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", required=True, type=int)
    parser.add_argument("--draws", required=True, type=int)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    space = parse_settings(SpaceSettings, args.config, "search.space")
    compounds = load_compounds(args.compounds, args.only)
    tasks = [(c.formula, seed, c.numbers) for c in compounds for seed in range(args.seeds)]
    what = [args.code, args.config, args.draws, args.seeds, [(c.formula, c.n_atoms) for c in compounds]]
    seconds, candidates = np.zeros(2), []
    with state(args.state, *what) as folder:
        found = partial(lowest, folder, space, args.draws)
        for (formula, seed, numbers), outcome in zip(tasks, ordered_map(found, tasks, args.workers), strict=True):
            labels = Labels(compound=formula, seed=seed, method=args.method, start="none")
            if isinstance(outcome, str):
                candidates.append(Candidate(no_crystal(numbers), status="failed", reason=outcome, **labels))
                continue
            seconds += outcome.propose, outcome.relax
            info = {"chgnet_energy": round(outcome.energy, 6), "relaxations": outcome.relaxed}
            candidates.append(Candidate(outcome.crystal, info=info, **labels))
        write_cifs(Path(args.out).with_suffix(".cif"), candidates)
        write_candidates(args.out, candidates)
        propose, relaxed = (seconds / len(tasks)).tolist()
        write_result(args.timing, {"propose": propose, "relax": relaxed})


def lowest(folder: Path, settings: SpaceSettings, draws: int, task: Task) -> LowestRelaxed | str:
    """What was found for a compound and seed, now or before a kill; or why nothing was."""
    formula, seed, numbers = task
    records, question = Records(folder / f"{formula}-{seed}.records"), fingerprint(numbers)
    if (record := records.answer(question)) is not None:
        cell, frac = record[4:13].reshape(3, 3), record[13:].reshape(-1, 3)
        energy, _, propose, relaxed = record[:4].tolist()
        return LowestRelaxed(Crystal(numbers, frac, cell), energy, draws, propose, relaxed)
    rng = generator("search", "mlp", seed, formula)
    try:
        found = lowest_relaxed(SearchSpace(numbers, settings), draws, _relax, rng)
    except ValueError as error:
        return str(error)
    crystal = found.crystal
    numbers_of = [found.energy, found.relaxed, found.propose, found.relax]
    records.append(question, np.concatenate([numbers_of, crystal.lattice.ravel(), crystal.frac_coords.ravel()]))
    return found


@cache
def _potential() -> Potential:
    torch.set_num_threads(1)
    return Potential()


def _relax(crystals):
    return relax(crystals, _potential())


if __name__ == "__main__":
    run(main)
