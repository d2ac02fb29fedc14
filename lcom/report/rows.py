"""What the tables are made of: one tidy row for each structure, judged (table1.csv)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lcom.candidates import Candidate
from lcom.report.files import RunFiles, existing
from lcom.report.judge import JUDGES, SUSPICIOUS, EnergyRecord, evaluate
from lcom.report.methods import TIMINGS, Method, table_methods
from lcom.report.settings import Judge
from lcom.surrogate.settings import METHODS, MethodSettings

# energies in eV/atom, seconds of wall time. evaluations: structures that counted against a search's budget. Seconds: making the
# start; encoding it and the descent in latent space, or the whole search; decoding (means over the batch that ran them
# together); the final energy. failure: why there is no energy, or what else to know of it.
COLUMNS = {
    **dict.fromkeys(("dataset", "method", "start", "compound"), str),
    "seed": int,
    **dict.fromkeys(("energy", "reference", "relative_error", "delta_e_mev"), float),
    **dict.fromkeys(JUDGES, "boolean"),
    "rmse": float,
    "evaluations": "Int64",
    **dict.fromkeys(("seconds_start", "seconds_optimise", "seconds_decode", "seconds_dft"), float),
    "failure": str,
}
KEY = ("compound", "seed")
DECIMALS = {  # of the other columns: 3
    **dict.fromkeys(("energy", "reference", "relative_error", "predicted", "seconds_per_structure"), 6),
    "rmse": 4,
}


@dataclass(frozen=True)
class TableSettings:
    """What the tables cover: data sets in the order of the columns, number of seeds, formulas (empty: all), which of the searches
    ran, the compounds of DFT-PSO, the kinds of starts, the columns of the config and their order (the first is compared with the others),
    how many compounds have their energies in one file, and whose they are (RunFiles); methods: all, in the order of the columns."""

    datasets: list
    seeds: int
    only: list = field(default_factory=list)
    searches: list = field(default_factory=list)
    dft_pso: list = field(default_factory=list)
    starts: list = field(default_factory=lambda: ["relaxed", "dataset"])
    columns: dict[str, MethodSettings] = field(default_factory=lambda: {name: m for name, (_, m) in METHODS.items()})
    order: list[str] = field(default_factory=list)
    per_job: int = 8
    judge: Judge = "found"

    @cached_property
    def methods(self) -> dict[str, Method]:
        return table_methods({name: self.columns[name] for name in self.order or self.columns}, self.starts)

    def __post_init__(self) -> None:
        if not self.datasets or self.seeds < 1:
            raise ValueError("config: the tables need at least one of `datasets` and one of `seeds`")
        allowed = [name for name, method in self.methods.items() if method.kind == "search"]
        if unknown := sorted(set(self.searches) - set(allowed)):
            raise ValueError(f"config: unknown search {', '.join(unknown)}; allowed: {', '.join(allowed)}")

    def compounds_of(self, name: str, compounds: Sequence[str]) -> list[str]:
        """Those of the compounds for which a method ran."""
        kind = self.methods[name].kind
        if kind == "dft_search":
            return [compound for compound in compounds if compound in self.dft_pso]
        return list(compounds) if kind != "search" or name in self.searches else []

    def label(self, name: str, compounds: Sequence[str]) -> str:
        """A method's, with the share of the compounds that it ran for, if not all."""
        ran = len(self.compounds_of(name, compounds))
        some = f" ({ran} of {len(compounds)} compounds)" if ran < len(compounds) else ""
        return self.methods[name].label + some


def collect_rows(results: Path, settings: TableSettings, compounds: Sequence[str]) -> pd.DataFrame:
    """Read and judge every structure under the results folder -> COLUMNS; order: data set, method, start, compound, seed.

    The start itself is a method, too. The relaxed start and DFT-PSO belong to no data set and stand in the rows of each.
    A missing file is a FileNotFoundError that names it and the rule that makes it.
    """
    if unknown := sorted(set(settings.dft_pso) - set(compounds)):
        raise ValueError(f"config: DFT-PSO is asked for {', '.join(unknown)}, not among the compounds of this run")
    files = RunFiles(
        results, compounds, [c for c in compounds if c in settings.dft_pso], settings.per_job, settings.judge
    )
    references = files.references(compounds)
    rows = []
    for dataset in settings.datasets:
        for name, method in settings.methods.items():
            ran = settings.compounds_of(name, compounds)
            timings = read_timings(results, dataset, name, method) if ran else {}
            for start in method.starts if ran else ():
                wanted = [(compound, seed) for compound in ran for seed in method.seeds(settings.seeds)]
                energies = files.energies(dataset, name, start, wanted)
                # of a search what it found, of a descent what it began from
                made = (
                    {}
                    if start == "none"
                    else files.candidates(dataset, name if start == "search" else "start", start, wanted)
                )
                for key in wanted:
                    row = _row(method, energies[key], made.get(key), references[key[0]], timings)
                    rows.append(
                        row | {"dataset": dataset, "method": name, "start": start} | dict(zip(KEY, key, strict=True))
                    )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(
    method: Method,
    energy: EnergyRecord,
    made: Candidate | None,
    known: Sequence[EnergyRecord],
    timings: dict[str, float],
) -> dict:
    """made: what a search found, or the start that a descent began from."""
    evaluations = seconds_start = None
    optimise = [seconds for part, seconds in timings.items() if part != "decode"]
    info = (made.info or {}) if made else {}
    if made and method.starts == ("search",):
        evaluations = _said(made, "evaluations")
        if method.kind == "dft_search" and (seconds := _said(made, "seconds")) is not None:
            optimise = [seconds]
    else:
        seconds_start = info.get("seconds")
    judged = evaluate(energy, known)
    if method.kind == "start":
        notes = [judged["failure"]] if judged["failure"] else []
        if not info.get("converged", True):
            notes.append(f"the relaxation did not converge in {info['steps']} geometries")
        if not all(polymorph.converged for polymorph in known):
            notes.append("the relaxation of its reference did not converge")
        if judged["reference"] is not None and (lower := 1000 * (known[0].energy - judged["reference"])) > 0:
            notes.append(f"E* is that of another known polymorph, {lower:.1f} meV/atom below the first of the table")
        judged["failure"] = "; ".join(notes)
    return judged | {
        "evaluations": None if evaluations is None else int(evaluations),
        "seconds_start": seconds_start,
        "seconds_optimise": sum(optimise) if optimise else None,
        "seconds_decode": timings.get("decode"),
        "seconds_dft": energy.seconds,
    }


def read_rows(path: Path) -> pd.DataFrame:
    """table1.csv -> COLUMNS. ValueError if it is none."""
    numbers = [name for name, kind in COLUMNS.items() if kind is not str]
    try:
        rows = pd.read_csv(path, dtype=COLUMNS, keep_default_na=False, na_values={name: [""] for name in numbers})
        return rows[list(COLUMNS)]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error


def counted(rows: pd.DataFrame) -> pd.Series:
    """ΔE in meV/atom, infinitely high for what is no success for another reason, because it has no energy or lies suspiciously
    low: so no method gains by it in a median or mean."""
    return rows.delta_e_mev.where(rows.delta_e_mev >= SUSPICIOUS, math.inf)


def median_delta(rows: pd.DataFrame) -> float | None:
    """Median ΔE in meV/atom of the rows with a reference; None if there are none, or if it is infinitely high."""
    median = counted(rows[rows.reference.notna()]).median()
    return float(median) if math.isfinite(median) else None


def read_timings(results: Path, dataset: str, name: str, method: Method) -> dict[str, float]:
    """Part of a method -> seconds for one structure, of the parts that are timed for all structures together."""
    timings = {}
    for pattern, rule, parts in TIMINGS.get(method.kind, ()):
        path = existing(results / dataset / pattern.format(name), rule)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            timings |= {part: float(said[part]) for part in parts}
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error
    return timings


def _said(candidate: Candidate, key: str) -> float | None:
    """A number from the info of a candidate; a failed one may lack it."""
    value: Any = (candidate.info or {}).get(key)
    if value is None and candidate.status != "ok":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        where = f"candidates/{candidate.method}: {candidate.compound}, seed {candidate.seed}"
        raise ValueError(f"{where} has no number of {key}: delete its file to have it made again") from None


def csv_text(table: pd.DataFrame) -> str:
    """A header, then a line a row; fixed decimals (DECIMALS), True/False, empty where there is nothing."""
    return csv_cells(table).to_csv(index=False, lineterminator="\n")


def csv_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The cells of the file: numbers with decimals as text."""
    text = table.copy()
    for name in table.select_dtypes("float").columns.difference(["tau"]):
        text[name] = [None if pd.isna(x) else f"{x:z.{DECIMALS.get(name, 3)}f}" for x in table[name]]  # z: no -0.000
    return text
