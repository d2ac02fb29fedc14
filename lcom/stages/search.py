"""An energy model -> the best crystal that RAS, PSO or BO finds for every compound and seed, and the whole search. Killed, it resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lcom.base.device import prepare_device
from lcom.base.files import whole, write_result
from lcom.base.resume import Records, state
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.compounds import load_compounds
from lcom.search.energy_model import EnergyModel
from lcom.search.run import SEARCHES, Problem, make_optimiser, search
from lcom.search.settings import SearchSettings
from lcom.search.space import SearchSpace
from lcom.stages.common import resumable, run


def main() -> None:
    parser = resumable(__doc__, "model", "compounds", "config", "out", "timing", "history")
    parser.add_argument("--method", required=True, choices=SEARCHES)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", required=True, type=int)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    settings = parse_settings(SearchSettings, args.config, "search")
    compounds = load_compounds(args.compounds, args.only)
    model = EnergyModel.load(args.model, prepare_device(args.device))

    problems: dict[tuple[str, int], Problem] = {}
    for compound in compounds:
        space = SearchSpace(compound.numbers, settings.space)
        for seed in range(args.seeds):
            rng = generator("search", args.method, seed, compound.formula)
            optimiser = make_optimiser(args.method, settings, space, rng)
            problems[compound.formula, seed] = Problem(compound.numbers, space, optimiser)
    what = [args.code, args.method, args.config, args.seeds, [(c.formula, c.n_atoms) for c in compounds]]
    with state(args.state, *what, Path(args.model).read_bytes()) as folder:
        seconds = search(list(problems.values()), model.score, settings.evaluations, Records(folder / "rounds.records"))
        found = [_best(args.method, formula, seed, problem) for (formula, seed), problem in problems.items()]
        write_cifs(Path(args.out).with_suffix(".cif"), found)
        write_candidates(args.out, found)
        _write_history(Path(args.history), problems)
        write_result(args.timing, {"propose": seconds.propose / len(problems), "model": seconds.model / len(problems)})


def _best(method: str, formula: str, seed: int, problem: Problem) -> Candidate:
    """The best candidate, or why there is none."""
    labels = Labels(compound=formula, seed=seed, method=method, start="search")
    evaluations = sum(map(len, problem.energy))
    best = problem.best()
    if best is None:
        reason = f"a filter rejected every one of {evaluations} candidates: loosen search.space"
        placeholder, info = no_crystal(problem.numbers), {"evaluations": evaluations}
        return Candidate(placeholder, status="failed", reason=reason, info=info, **labels)
    crystal, energy, space_group = best
    info = {"predicted_energy": round(energy, 6), "space_group": space_group, "evaluations": evaluations}
    return Candidate(crystal, info=info, **labels)


def _write_history(path: Path, problems: dict[tuple[str, int], Problem]) -> None:
    """Every candidate of every search: a row each, sorted by compound, seed and step."""
    tables = []
    for (formula, seed), problem in problems.items():
        x = np.concatenate(problem.x).astype(np.float32)
        offsets = np.arange(0, x.size + 1, x.shape[1], dtype=np.int32)
        columns = {
            "compound": pa.array([formula]).take(np.zeros(len(x), dtype=int)),
            "seed": np.full(len(x), seed),
            "step": np.arange(len(x)),
            "space_group": np.concatenate(problem.space_group),
            "energy": np.concatenate(problem.energy),
            "x": pa.ListArray.from_arrays(offsets, x.ravel()),
        }
        tables.append(pa.table(columns))
    with whole(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary, compression="zstd", write_page_checksum=True)


if __name__ == "__main__":
    run(main)
