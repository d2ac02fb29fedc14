"""Table 2: seconds for one structure, by method and part, and what the plot shows: ΔE against those seconds.

The paper (arXiv 2310.10056, Table 2) counts a method alone. The start (a GPAW relaxation) and the GPAW energy of the
final structure are measured here, too, and stand apart: part `alone` leaves them out, `total` has everything.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from lcom.report.rows import METHODS, SEARCHES, Row, TableSettings, existing, median_delta, read_timings
from lcom.report.style import Panel, Trace
from lcom.report.table1 import markdown_table

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
    "search": "GPAW search",
    "dft": "final energy",
    "alone": "method alone",
    "total": "total",
}

LEGEND = """\
Wall seconds for one structure (one compound and one seed), means over compounds and seeds, measured by the jobs of this
run. – is a part that a method does not have.

start: relaxing the random start with GPAW. encode, optimise, decode: a share of the batch that does all structures at
once. propose: making structures and filtering them. model: the network's energies of them. GPAW search: all energies
that DFT-PSO asks for. final energy: one GPAW energy of the structure that is judged in Table 1. method alone: without
the start and the final energy, as the paper counts. The methods with a start are timed from the relaxed one. Training is
not in it. A search runs on up to four threads, encode, optimise, decode and GPAW on one.

evaluations: candidates proposed, those that a filter rejects included; for DFT-PSO, energies by GPAW. ≈ is extrapolated, not
measured: seconds in proportion to the evaluations, up to the published 5 200 (200 particles × 26 generations); were the
rejected candidates of DFT-PSO counted, too, it would be a fifth to a quarter less. A proposal of BO may take longer the more
it has seen.

paper: DFT-PSO, GN-BO and LCOMs as quoted from arXiv 2310.10056, Table 2, at the published evaluations; not measured here,
on other hardware."""


@dataclass(frozen=True)
class Line:
    """A method's seconds for one structure, by part. dataset is empty for DFT-PSO, which needs none.

    label: the method's, with the share of the compounds that it ran for, if not all
    evaluations: mean number of structures that counted against a search's budget, None for the other methods
    """

    dataset: str
    method: str
    label: str
    evaluations: int | None
    extrapolated: bool
    parts: dict[str, float]


def collect_lines(results: Path, settings: TableSettings, compounds: Sequence[str], rows: Sequence[Row]) -> list[Line]:
    """A line for each data set and method that ran, and one at the published number of evaluations after a shorter one."""

    def label(method: str) -> str:
        ran = len(settings.compounds_of(method, compounds))
        some = f" ({ran} of {len(compounds)} compounds)" if ran < len(compounds) else ""
        return METHODS[method].label + some

    lines = []
    for dataset in settings.datasets:
        for method in METHODS:
            own = _rows(rows, dataset, method)
            if not own or method in ("start", "dft_pso"):
                continue
            parts = _means(start=(r.seconds_start for r in own)) | read_timings(results, dataset, method)
            lines += _lines(dataset, method, label(method), own, parts)
    own = _rows(rows, settings.datasets[0], "dft_pso")
    parts = _means(search=(r.seconds_optimise for r in own))
    return lines + (_lines("", "dft_pso", label("dft_pso"), own, parts) if parts else [])


def _rows(rows: Iterable[Row], dataset: str, method: str) -> list[Row]:
    return [r for r in rows if (r.dataset, r.method) == (dataset, method) and r.start != "dataset"]


def _means(**seconds: Iterable[float | None]) -> dict[str, float]:
    """The means of what was measured; a part of which nothing was is left out."""
    known = {part: [s for s in values if s is not None] for part, values in seconds.items()}
    return {part: statistics.fmean(values) for part, values in known.items() if values}


def _lines(dataset: str, method: str, label: str, rows: Sequence[Row], parts: dict[str, float]) -> list[Line]:
    # a structure that failed before its calculation says 0 s, which is no calculation
    parts = parts | _means(dft=(r.seconds_dft or None for r in rows))
    counted = [r.evaluations for r in rows if r.evaluations is not None]
    evaluations = round(statistics.fmean(counted)) if counted else None
    lines = [Line(dataset, method, label, evaluations, False, _with_sums(parts))]
    if evaluations and evaluations < PUBLISHED_EVALUATIONS:
        factor = PUBLISHED_EVALUATIONS / statistics.fmean(counted)
        longer = {part: s * factor if part in SCALED else s for part, s in parts.items()}
        lines.append(Line(dataset, method, label, PUBLISHED_EVALUATIONS, True, _with_sums(longer)))
    return lines


def _with_sums(parts: dict[str, float]) -> dict[str, float]:
    alone = sum(seconds for part, seconds in parts.items() if part not in APART)
    return parts | {"alone": alone, "total": sum(parts.values())}


def csv_text(lines: Sequence[Line]) -> str:
    """table2.csv: a row for each part of each line, in the order of PARTS."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "method", "part", "seconds_per_structure", "evaluations", "extrapolated"])
    for line in lines:
        evaluations = "" if line.evaluations is None else line.evaluations
        for part in PARTS:
            if part in line.parts:
                extrapolated = line.extrapolated and part in SCALED
                seconds = f"{line.parts[part]:.6f}"
                writer.writerow([line.dataset, line.method, part, seconds, evaluations, extrapolated])
    return text.getvalue()


def markdown_text(lines: Sequence[Line]) -> str:
    """table2.md: a row a line; only the parts that some method has."""
    parts = [part for part in PARTS if any(part in line.parts for line in lines)]
    table = [["data set", "method", "evaluations", *(PARTS[part] for part in parts), "paper"]]
    for line in lines:
        seconds = [_cell(line, part) for part in parts]
        evaluations = "–" if line.evaluations is None else _spaced(f"{line.evaluations:,}")
        shorter = line.evaluations is not None and line.evaluations < PUBLISHED_EVALUATIONS
        quoted = "–" if shorter else QUOTED.get(line.method, "–")
        table.append([line.dataset or "–", line.label, evaluations, *seconds, quoted])
    return "\n\n".join(["# Table 2: seconds for one structure", LEGEND, markdown_table(table, left=2)]) + "\n"


def _cell(line: Line, part: str) -> str:
    if part not in line.parts:
        return "–"
    seconds = line.parts[part]
    decimals = 2 - math.floor(math.log10(seconds)) if seconds > 0 else 0  # three digits
    text = _spaced(f"{seconds:,.{min(max(decimals, 0), 6)}f}")
    return f"≈ {text}" if line.extrapolated and part in SCALED else text


def _spaced(number: str) -> str:
    return number.replace(",", " ")


# ---- the plot


def collect_panels(
    results: Path, settings: TableSettings, compounds: Sequence[str], rows: Sequence[Row], lines: Sequence[Line]
) -> list[Panel]:
    """What the plot shows: a panel for each data set, with DFT-PSO in each."""
    panels = []
    for dataset in settings.datasets:
        start = median_delta(_rows(rows, dataset, "start"))
        traces = []
        for line in lines:
            if line.extrapolated or line.dataset not in (dataset, ""):
                continue
            own = _rows(rows, dataset, line.method)
            seconds, curve = line.parts["alone"], None
            if line.method in SEARCHES:
                curve = best_so_far(results / dataset, line.method, compounds, settings.seeds)
            from_start = start if line.method not in (*SEARCHES, "dft_pso") else None
            traces.append(Trace(line.method, line.label, seconds, median_delta(own), from_start, curve))
        panels.append(Panel(dataset, traces))
    return panels


def best_so_far(folder: Path, method: str, compounds: Sequence[str], seeds: int, points: int = 200) -> np.ndarray:
    """The lowest prediction so far above that for the known ground state -> [4, n]: share of the search done, lower
    quartile, median and upper quartile over compounds and seeds, meV/atom. Infinite while no structure passed the filters.
    """
    known, runs = _known(folder, compounds), _histories(folder, method, compounds, seeds)
    longest = max(int(step[-1]) + 1 for step, _ in runs.values())
    grid = np.unique(np.round(np.geomspace(1, longest, points))) / longest  # equal distances on the log axis
    best = np.empty((len(runs), len(grid)))
    for k, ((compound, _), (step, energy)) in enumerate(runs.items()):
        lowest = np.fmin.accumulate(energy)  # fmin: NaN is a rejected structure
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


def _histories(
    folder: Path, method: str, compounds: Sequence[str], seeds: int
) -> dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]:
    """(compound, seed) -> step [n] and predicted energy [n] (eV/atom) of every structure, in order of the steps."""
    path = existing(folder / "search" / f"{method}.parquet", "search")
    try:
        table = pyarrow.parquet.read_table(path, columns=["compound", "seed", "step", "energy"])
        names = table["compound"].combine_chunks().dictionary_encode()
        codes = {name: code for code, name in enumerate(names.dictionary.to_pylist())}
        code = names.indices.to_numpy()
        seed, step, energy = (table[key].to_numpy() for key in ("seed", "step", "energy"))
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error
    runs = {}
    for compound in compounds:
        for number in range(seeds):
            own = np.flatnonzero((code == codes.get(compound, -1)) & (seed == number))
            if not len(own):
                raise ValueError(f"{path} has nothing of {compound}, seed {number}; delete it to have it made again")
            own = own[np.argsort(step[own], kind="stable")]
            runs[compound, number] = step[own], energy[own]
    return runs
