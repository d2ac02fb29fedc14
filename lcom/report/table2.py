"""Table 2: seconds for one structure, by method and part, and what the plot shows: ΔE against those seconds.

The paper (arXiv 2310.10056, Table 2) counts a method alone. The start (a GPAW relaxation) and the GPAW energy of the
final structure are measured here, too, and stand apart: part `alone` leaves them out, `total` has everything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from lcom.report.files import existing
from lcom.report.markdown import NONE, markdown_table, number
from lcom.report.rows import TableSettings, median_delta, read_timings
from lcom.report.seconds_figure import Panel, Trace

PUBLISHED_EVALUATIONS = 200 * 26  # 200 particles x 26 generations; as many as the 200 + 5000 of the other searches
QUOTED = {"dft_pso": "70 000", "bo": "80", "lcoms": "2"}  # seconds, from the paper's Table 2

APART = ("start", "dft")  # the parts that the paper leaves out
SCALED = ("propose", "model", "search", "alone", "total")  # the parts that grow with the number of evaluations
PARTS = {
    "start": "start",
    "encode": "encode",
    "optimise": "optimise",
    "decode": "decode",
    "propose": "propose",
    "model": "model",
    "relax": "CHGNet",
    "search": "GPAW search",
    "dft": "final energy",
    "alone": "method alone",
    "total": "total",
}

LEGEND = """\
Wall seconds for one structure (one compound and one seed), means over compounds and seeds, measured by the jobs of this
run. – is a part that a method does not have.

start: relaxing the random start with GPAW. encode, optimise, decode: a share of the batch that does all structures at
once. propose: making structures and filtering them; of LCOMs many everything. model: the network's energies of them.
CHGNet: relaxations by it. GPAW search: all energies that DFT-PSO asks for. final energy: one GPAW energy of the structure
that is judged in Table 1. method alone: without the start and the final energy, as the paper counts. The methods with a
start are timed from the relaxed one, where there is one.
Training is not in it. A search runs on up to four threads, encode, optimise, decode and GPAW on one.

evaluations: candidates proposed, those that a filter rejects included; for DFT-PSO, energies by GPAW. ≈ is extrapolated, not
measured: seconds in proportion to the evaluations, up to the published 5 200 (200 particles × 26 generations); were the
rejected candidates of DFT-PSO counted, too, it would be a fifth to a quarter less. A proposal of BO may take longer the more
it has seen.

paper: DFT-PSO, GN-BO and LCOMs as quoted from arXiv 2310.10056, Table 2, at the published evaluations; not measured here,
on other hardware."""


COLUMNS = ["dataset", "method", "part", "seconds_per_structure", "evaluations", "extrapolated"]


def collect_seconds(
    results: Path, settings: TableSettings, compounds: Sequence[str], rows: pd.DataFrame
) -> pd.DataFrame:
    """table2.csv: a row a part, in the order of PARTS, of each data set and method that ran; dataset is empty for DFT-PSO, which
    needs none. evaluations: mean number of structures that counted against a search's budget; after a search with fewer
    than were published stand its rows at so many."""
    parts = []
    for dataset in settings.datasets:
        for name, method in settings.methods.items():
            if method.kind in ("descent", "many", "analogue", "mlp", "search") and len(
                own := _own(rows, dataset, name)
            ):
                timings = read_timings(results, dataset, name, method)
                parts += _parts(dataset, name, own, {"start": own.seconds_start.mean()} | timings)
    for name, method in settings.methods.items():
        if method.kind == "dft_search":
            own = _own(rows, settings.datasets[0], name)
            if own.seconds_optimise.notna().any():
                parts += _parts("", name, own, {"search": own.seconds_optimise.mean()})
    return pd.DataFrame(parts, columns=COLUMNS).astype({"evaluations": "Int64"})


def _own(rows: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    """A column's rows; of those from relaxed starts and from swapped crystals the former, where there are both."""
    own = rows[(rows.dataset == dataset) & (rows.method == method)]
    return own[own.start != "dataset"] if (own.start == "relaxed").any() else own


def _parts(dataset: str, method: str, rows: pd.DataFrame, seconds: dict[str, float]) -> list[tuple]:
    # a structure that failed before its calculation says 0 s, which is no calculation
    seconds = seconds | {"dft": rows.seconds_dft[rows.seconds_dft != 0].mean()}
    seconds = {part: s for part, s in seconds.items() if not math.isnan(s)}
    mean = rows.evaluations.mean()
    evaluations = None if pd.isna(mean) else round(mean)
    lines = [(evaluations, _with_sums(seconds), ())]
    if evaluations and evaluations < PUBLISHED_EVALUATIONS:
        factor = PUBLISHED_EVALUATIONS / mean
        longer = {part: s * factor if part in SCALED else s for part, s in seconds.items()}
        lines.append((PUBLISHED_EVALUATIONS, _with_sums(longer), SCALED))
    return [
        (dataset, method, part, line[part], count, part in extrapolated)
        for count, line, extrapolated in lines
        for part in PARTS
        if part in line
    ]


def _with_sums(parts: dict[str, float]) -> dict[str, float]:
    alone = sum(seconds for part, seconds in parts.items() if part not in APART)
    return parts | {"alone": alone, "total": sum(parts.values())}


def markdown_text(seconds: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """table2.md: a row for each method and number of evaluations; only the parts that some method has."""
    parts = [part for part in PARTS if (seconds.part == part).any()]
    table = [["data set", "method", "evaluations", *(PARTS[part] for part in parts), "paper"]]
    lines = seconds.groupby(["dataset", "method", "evaluations"], sort=False, dropna=False)
    for (dataset, method, evaluations), line in lines:
        cells = {row.part: _cell(row.seconds_per_structure, row.extrapolated) for row in line.itertuples()}
        shorter = pd.notna(evaluations) and evaluations < PUBLISHED_EVALUATIONS
        quoted = NONE if shorter else QUOTED.get(method, NONE)
        said = [cells.get(part, NONE) for part in parts]
        table.append([dataset or NONE, labels[method], number(evaluations, 0), *said, quoted])
    return "\n\n".join(["# Table 2: seconds for one structure", LEGEND, markdown_table(table, left=2)]) + "\n"


def _cell(seconds: float, extrapolated: bool) -> str:
    """Three digits."""
    decimals = 2 - math.floor(math.log10(seconds)) if seconds > 0 else 0
    return ("≈ " if extrapolated else "") + number(seconds, min(max(decimals, 0), 6))


# ---- the plot


def collect_panels(
    results: Path, settings: TableSettings, compounds: Sequence[str], rows: pd.DataFrame, seconds: pd.DataFrame
) -> list[Panel]:
    """What the plot shows: a panel for each data set, with DFT-PSO in each."""
    alone = seconds[(seconds.part == "alone") & ~seconds.extrapolated]
    panels = []
    for dataset in settings.datasets:
        start = median_delta(_own(rows, dataset, "start"))
        traces = []
        for row in alone[alone.dataset.isin([dataset, ""])].itertuples():
            kind, curve = settings.methods[row.method].kind, None
            if kind == "search":
                curve = best_so_far(results / dataset, row.method, compounds, settings.seeds)
            delta = median_delta(_own(rows, dataset, row.method))
            label, begun = settings.label(row.method, compounds), start if kind == "descent" else None
            traces.append(Trace(row.method, label, row.seconds_per_structure, delta, begun, curve))
        panels.append(Panel(dataset, traces))
    return panels


def best_so_far(folder: Path, method: str, compounds: Sequence[str], seeds: int, points: int = 200) -> np.ndarray:
    """The lowest prediction so far above that for the known ground state (at its lowest volume: candidates sit at theirs)
    -> [4, n]: share of the search done, lower quartile, median and upper quartile over compounds and seeds, meV/atom.
    Infinite while no structure passed the filters.
    """
    known, runs = _known(folder, compounds), _histories(folder, method, compounds, seeds)
    longest = max(int(run.step.iloc[-1]) + 1 for run in runs.values())
    grid = np.unique(np.round(np.geomspace(1, longest, points))) / longest  # equal distances on the log axis
    best = np.empty((len(runs), len(grid)))
    for k, ((compound, _), run) in enumerate(runs.items()):
        step = run.step.to_numpy()
        lowest = np.fmin.accumulate(run.energy.to_numpy())  # fmin: NaN is a rejected structure
        above = 1000 * np.concatenate([[np.inf], np.where(np.isnan(lowest), np.inf, lowest - known[compound])])
        done = grid * (step[-1] + 1)
        best[k] = above[np.searchsorted(step + 1, done + 1e-9, side="right")]
    huge = 1e12  # in place of infinity, between which there is no interpolation
    quartiles = np.quantile(np.minimum(best, huge), (0.25, 0.5, 0.75), axis=0)
    return np.vstack([grid, np.where(quartiles < huge / 1e3, quartiles, np.inf)])


def _known(folder: Path, compounds: Sequence[str]) -> dict[str, float]:
    path = existing(folder / "energy_model" / "known.json", "predict_known")
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {compound: float(known[compound]) for compound in compounds}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error


def _histories(folder: Path, method: str, compounds: Sequence[str], seeds: int) -> dict[tuple[str, int], pd.DataFrame]:
    """(compound, seed) -> step and predicted energy (eV/atom) of every structure, in order of the steps."""
    path = existing(folder / "search" / f"{method}.parquet", "search")
    try:
        columns = ["compound", "seed", "step", "energy"]
        table = pyarrow.parquet.read_table(path, columns=columns, page_checksum_verification=True).to_pandas()
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error
    found = dict(list(table.sort_values("step", kind="stable").groupby(["compound", "seed"])))
    wanted = [(compound, seed) for compound in compounds for seed in range(seeds)]
    for compound, seed in wanted:
        if (compound, seed) not in found:
            raise ValueError(f"{path} has nothing of {compound}, seed {seed}; delete it to have it made again")
    return {key: found[key] for key in wanted}
